local core = wt.import("core")
local bill = wt.import("bill")
local subs = wt.import("subscriptions")

return core.handler(function(request, given)
    if not given.interval then core.missing("interval") end
    if given.id and core.peek("plan", given.id) then
        core.invalid("Plan already exists.", "id", "resource_already_exists")
    end
    local data = { active = given.active, currency = given.currency, lookup_key = nil, metadata = given.metadata,
        nickname = given.nickname, unit_amount = given.amount, unit_amount_decimal = given.amount_decimal,
        recurring = { interval = given.interval, interval_count = given.interval_count, trial_period_days = given.trial_period_days,
            usage_type = given.usage_type, aggregate_usage = given.aggregate_usage } }
    if type(given.product) == "table" then data.product_data = given.product else data.product = given.product end
    local price = bill.new_price(data, given.id)
    local plan = subs.plan(price)
    plan.object = nil
    state.put(core.places.plan, price.id, plan)
    core.answer("plan", plan)
end)

local core = wt.import("core")

return core.handler(function(request, given)
    if not given.percent_off and not given.amount_off then
        core.invalid("You must pass either `percent_off` or `amount_off`.", nil, "parameter_missing")
    end
    if given.percent_off and given.amount_off then
        core.invalid("You may only specify one of these parameters: amount_off, percent_off.", nil)
    end
    if given.amount_off and not given.currency then core.missing("currency") end
    if given.percent_off and (given.percent_off <= 0 or given.percent_off > 100) then
        core.invalid("Invalid percent_off: must be greater than 0 and less than or equal to 100.", "percent_off")
    end
    if given.duration == "repeating" and not given.duration_in_months then core.missing("duration_in_months") end
    if given.id and core.peek("coupon", given.id) then
        core.invalid("Coupon already exists.", "id", "resource_already_exists")
    end
    local coupon = core.make_as("coupon", given.id, { created = math.floor(clock.now()), duration = given.duration or "once",
        livemode = false, times_redeemed = 0, valid = true })
    for _, name in { "amount_off", "currency", "duration_in_months", "max_redemptions", "name", "percent_off", "redeem_by", "applies_to" } do
        coupon[name] = if given[name] == nil and name ~= "applies_to" then wt.null else given[name]
    end
    core.metadata(coupon, given.metadata)
    core.answer("coupon", core.keep("coupon", coupon))
end)

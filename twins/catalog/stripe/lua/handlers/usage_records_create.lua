local core = wt.import("core")
local prices = wt.import("prices")

return core.handler(function(request, given)
    local item = core.find("subscription_item", request.params.subscription_item, "subscription_item")
    if not prices.is_metered(item.price) then
        core.invalid("Cannot create the usage record because the subscription item's price is not metered.", "subscription_item")
    end
    if given.quantity == nil then core.missing("quantity") end
    local sub = core.find("subscription", item.subscription, "subscription")
    local at = tonumber(given.timestamp) or core.now(core.peek("customer", sub.customer))
    local place = prices.usage_place(item)
    local record
    for _, other in state.query(place, "timestamp", at) do
        record = other
    end
    if record then
        record.quantity = if given.action == "set" then given.quantity else record.quantity + given.quantity
        state.put(place, record.id, record)
    else
        record = wt.new(place, { livemode = false, quantity = given.quantity, subscription_item = item.id, timestamp = at })
    end
    local shown = wt.show(place, record.id)
    shown.object = "usage_record"
    emit.json(shown)
end)

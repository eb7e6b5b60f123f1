local core = wt.import("core")
local subs = wt.import("subscriptions")

return core.handler(function(request, given)
    local item = core.find("subscription_item", request.params.item)
    local sub = core.find("subscription", item.subscription, "subscription")
    local customer = core.find("customer", sub.customer, "customer")
    if #sub.items.data == 1 then
        core.invalid("A subscription must have at least one active plan. To delete the subscription, cancel it instead.", "item")
    end
    subs.change_items(sub, customer, { { id = item.id, deleted = true } }, given, core.now(customer))
    core.keep("subscription", sub)
    emit.json({ id = item.id, object = "subscription_item", deleted = true })
end)

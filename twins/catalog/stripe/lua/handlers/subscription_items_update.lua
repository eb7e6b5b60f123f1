local core = wt.import("core")
local subs = wt.import("subscriptions")

return core.handler(function(request, given)
    local item = core.find("subscription_item", request.params.item)
    local sub = core.find("subscription", item.subscription, "subscription")
    local customer = core.find("customer", sub.customer, "customer")
    given.id = item.id
    subs.change_items(sub, customer, { given }, given, core.now(customer))
    core.keep("subscription", sub)
    core.answer("subscription_item", item)
end)

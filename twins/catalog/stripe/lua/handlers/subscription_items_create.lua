local core = wt.import("core")
local subs = wt.import("subscriptions")

return core.handler(function(request, given)
    if not given.subscription then core.missing("subscription") end
    local sub = core.find("subscription", given.subscription, "subscription")
    local customer = core.find("customer", sub.customer, "customer")
    subs.change_items(sub, customer, { given }, given, core.now(customer))
    core.keep("subscription", sub)
    core.answer("subscription_item", sub.items.data[#sub.items.data])
end)

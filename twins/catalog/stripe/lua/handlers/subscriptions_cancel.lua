local core = wt.import("core")
local subs = wt.import("subscriptions")

return core.handler(function(request, given)
    local sub = core.find("subscription", request.params.subscription_exposed_id)
    local customer = core.peek("customer", sub.customer)
    subs.stop(sub, customer, given, request.query)
    core.answer("subscription", sub)
end)

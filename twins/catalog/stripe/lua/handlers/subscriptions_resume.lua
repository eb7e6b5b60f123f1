local core = wt.import("core")
local subs = wt.import("subscriptions")

return core.handler(function(request, given)
    local sub = core.find("subscription", request.params.subscription)
    if sub.status ~= "paused" then
        core.invalid("You can only resume a subscription that is paused.", nil)
    end
    local customer = core.find("customer", sub.customer, "customer")
    subs.resume(sub, customer, given, core.now(customer))
    subs.watch(sub)
    core.answer("subscription", sub)
end)

local core = wt.import("core")
local subs = wt.import("subscriptions")

return core.handler(function(request, given)
    local sub = core.find("subscription", request.params.subscription_exposed_id)
    subs.update(sub, given)
    subs.watch(sub)
    core.answer("subscription", sub)
end)

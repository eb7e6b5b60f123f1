local core = wt.import("core")
local subs = wt.import("subscriptions")

return core.handler(function(request, given)
    local sub = core.find("subscription", request.params.subscription_exposed_id)
    core.answer("subscription", subs.update(sub, given))
end)

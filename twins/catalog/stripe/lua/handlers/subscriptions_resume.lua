local core = wt.import("core")

return core.handler(function(request)
    local sub = core.find("subscription", request.params.subscription)
    if sub.status ~= "paused" then
        core.invalid("You can only resume a subscription that is paused.", nil)
    end
    sub.status, sub.told = "active", "active"
    core.answer("subscription", core.keep("subscription", sub))
end)

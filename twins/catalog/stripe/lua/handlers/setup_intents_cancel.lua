local core = wt.import("core")
local setup = wt.import("setup")

return core.handler(function(request, given)
    local intent = core.find("setupintent", request.params.intent, "intent")
    setup.require(intent, "cancel")
    intent.status, intent.told = "canceled", "canceled"
    intent.cancellation_reason, intent.next_action = given.cancellation_reason or wt.null, wt.null
    core.answer("setupintent", core.keep("setupintent", intent))
end)

local core = wt.import("core")
local intents = wt.import("intents")

return core.handler(function(request, given)
    local intent = core.find("payment_intent", request.params.intent, "intent")
    core.take(intent, given, { "receipt_email", "setup_future_usage", "shipping" })
    intents.confirm(intent, given)
    core.answer("payment_intent", intent)
end)

local core = wt.import("core")
local pay = wt.import("pay")
local intents = wt.import("intents")

return core.handler(function(request, given)
    local intent = core.find("payment_intent", request.params.intent, "intent")
    intents.require(intent, { "requires_payment_method", "requires_confirmation", "requires_action", "requires_capture" }, "updated", "This PaymentIntent's amount could not be updated")
    if given.amount or given.currency then
        pay.check_amount(given.amount or intent.amount, given.currency or intent.currency)
        if intent.status == "requires_capture" then
            pay.state_error(intent, "This PaymentIntent's amount could not be updated because it has a status of requires_capture.")
        end
        intent.amount, intent.currency = given.amount or intent.amount, given.currency or intent.currency
    end
    if given.customer and given.customer ~= "" then core.find("customer", given.customer, "customer") end
    core.take(intent, given, { "customer", "setup_future_usage", "capture_method" })
    core.take(intent, given, intents.FIELDS)
    intents.take_method(intent, given)
    core.answer("payment_intent", core.keep("payment_intent", intent))
end)

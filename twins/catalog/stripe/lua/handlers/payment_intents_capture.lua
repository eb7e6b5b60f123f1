local core = wt.import("core")
local pay = wt.import("pay")

return core.handler(function(request, given)
    local intent = core.find("payment_intent", request.params.intent, "intent")
    if intent.status ~= "requires_capture" then
        pay.state_error(intent, "This PaymentIntent could not be captured because it has a status of " .. intent.status
            .. ". Only a PaymentIntent with one of the following statuses may be captured: requires_capture.")
    end
    local amount = given.amount_to_capture or intent.amount_capturable
    if amount > intent.amount_capturable then
        core.invalid("Amount to capture (" .. core.money(amount, intent.currency) .. ") is greater than the amount capturable ("
            .. core.money(intent.amount_capturable, intent.currency) .. ").", "amount_to_capture", "amount_too_large")
    end
    pay.capture(core.find("charge", intent.latest_charge, "charge"), amount)
    intent.status, intent.told = "succeeded", "succeeded"
    intent.amount_received, intent.amount_capturable = amount, 0
    core.answer("payment_intent", core.keep("payment_intent", intent))
end)

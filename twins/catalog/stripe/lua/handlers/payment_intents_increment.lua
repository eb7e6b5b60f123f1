local core = wt.import("core")
local pay = wt.import("pay")

return core.handler(function(request, given)
    local intent = core.find("payment_intent", request.params.intent, "intent")
    core.amount(given.amount)
    if intent.status ~= "requires_capture" then
        pay.state_error(intent, "This PaymentIntent's amount could not be incremented because it has a status of " .. intent.status .. ".")
    end
    if given.amount <= intent.amount then
        core.invalid("The incremented amount must be greater than the currently authorized amount.", "amount")
    end
    local charge = core.find("charge", intent.latest_charge, "charge")
    charge.amount, intent.amount, intent.amount_capturable = given.amount, given.amount, given.amount
    core.keep("charge", charge)
    core.take(intent, given, { "description", "statement_descriptor" })
    core.answer("payment_intent", core.keep("payment_intent", intent))
end)

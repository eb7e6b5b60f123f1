local core = wt.import("core")
local pay = wt.import("pay")

return core.handler(function(request, given)
    local intent = core.find("payment_intent", request.params.intent, "intent")
    local open = { "requires_payment_method", "requires_capture", "requires_confirmation", "requires_action", "processing" }
    if not core.has(open, intent.status) then
        pay.state_error(intent, "You cannot cancel this PaymentIntent because it has a status of " .. intent.status
            .. ". Only a PaymentIntent with one of the following statuses may be canceled: " .. table.concat(open, ", ") .. ".")
    end
    if intent.status == "requires_capture" then
        pay.release(core.find("charge", intent.latest_charge, "charge"))
    end
    intent.status, intent.told, intent.amount_capturable = "canceled", "canceled", 0
    intent.canceled_at, intent.next_action = math.floor(clock.now()), wt.null
    intent.cancellation_reason = given.cancellation_reason or wt.null
    core.answer("payment_intent", core.keep("payment_intent", intent))
end)

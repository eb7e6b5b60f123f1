local core = wt.import("core")
local pay = wt.import("pay")

return core.handler(function(request, given)
    local id = given.charge or request.params.charge
    if given.payment_intent then
        local intent = core.find("payment_intent", given.payment_intent, "payment_intent")
        if not intent.latest_charge then
            core.invalid("This PaymentIntent (" .. intent.id .. ") does not have a successful charge to refund.", "payment_intent")
        end
        id = intent.latest_charge
    end
    if not id then
        core.invalid("One of the following params should be provided for this request: payment_intent or charge.")
    end
    local charge = core.find("charge", id, "charge")
    local refund = pay.refund(charge, given, core.now(charge.customer and core.peek("customer", charge.customer)))
    core.answer("refund", refund)
end)

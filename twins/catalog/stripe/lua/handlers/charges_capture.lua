local core = wt.import("core")
local pay = wt.import("pay")

return core.handler(function(request, given)
    local charge = core.find("charge", request.params.charge, "charge")
    if charge.captured then
        core.invalid("Charge " .. charge.id .. " has already been captured.", nil, "charge_already_captured")
    end
    if charge.refunded or not charge.paid then
        core.invalid("Charge " .. charge.id .. " cannot be captured.", nil, "charge_expired_for_capture")
    end
    local amount = given.amount or charge.amount
    if amount > charge.amount then
        core.invalid("The amount to capture is greater than the amount of the charge.", "amount", "amount_too_large")
    end
    core.answer("charge", pay.capture(charge, amount))
end)

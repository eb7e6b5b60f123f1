local core = wt.import("core")
local pay = wt.import("pay")

return core.handler(function(request, given)
    local charge = core.find("charge", request.params.charge, "charge")
    pay.refund(charge, given, core.now(charge.customer and core.peek("customer", charge.customer)))
    core.answer("charge", core.find("charge", charge.id))
end)

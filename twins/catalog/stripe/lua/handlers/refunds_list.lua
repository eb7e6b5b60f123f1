local core = wt.import("core")

return core.handler(function(request)
    local charge = request.params.charge or request.query.charge
    if request.params.charge then core.find("charge", charge, "charge") end
    wt.page(core.places.refund, { charge = charge, payment_intent = request.query.payment_intent })
end)

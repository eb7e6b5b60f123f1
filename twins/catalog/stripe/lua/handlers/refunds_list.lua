local core = wt.import("core")

return core.handler(function(request)
    local charge = request.params.charge or request.query.charge
    local intent = request.query.payment_intent
    local path = if request.params.charge then "/v1/charges/" .. charge .. "/refunds" else "/v1/refunds"
    if request.params.charge then core.find("charge", charge, "charge") end
    core.page(request, "refund", path, function(refund)
        return (not charge or refund.charge == charge) and (not intent or refund.payment_intent == intent)
    end)
end)

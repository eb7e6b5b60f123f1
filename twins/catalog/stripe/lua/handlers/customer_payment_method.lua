local core = wt.import("core")

return core.handler(function(request)
    local method = core.find("PaymentMethod", request.params.payment_method)
    if method.customer ~= core.find("customer", request.params.customer).id then
        core.find("PaymentMethod", nil)
    end
    emit.json(wt.show(core.places.PaymentMethod, method.id))
end)

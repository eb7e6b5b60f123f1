local core = wt.import("core")

return core.handler(function(request)
    local owner = request.params.customer or request.query.customer
    if request.params.customer then core.find("customer", owner) end
    local kind = request.query.type
    local path = if request.params.customer then "/v1/customers/" .. owner .. "/payment_methods" else "/v1/payment_methods"
    core.page(request, "PaymentMethod", path, function(method)
        return method.customer ~= nil and (not owner or method.customer == owner) and (not kind or method.type == kind)
    end)
end)

local core = wt.import("core")

return core.handler(function(request)
    local customer = core.find("customer", request.params.customer)
    if not customer.discount then
        core.fail(404, { message = "No active discount for customer: " .. customer.id, code = "resource_missing" })
    end
    emit.json(customer.discount)
end)

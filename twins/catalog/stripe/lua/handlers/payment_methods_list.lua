local core = wt.import("core")

-- Every state of an attached method: those that belong to nobody are not listed.
return core.handler(function(request)
    local owner = request.params.customer or request.query.customer
    if request.params.customer then core.find("customer", owner) end
    wt.page(core.places.PaymentMethod, { attached = true, customer = owner, type = request.query.type })
end)

local core = wt.import("core")

return core.handler(function(request)
    local query, wanted = request.query, {}
    wanted.customer, wanted.invoice = query.customer, query.invoice
    if string.lower(query.pending or "") == "true" then wanted.invoice = wt.null end
    wt.page(core.places.invoiceitem, wanted)
end)

local core = wt.import("core")

return core.handler(function(request)
    local invoice = core.find("invoice", request.params.invoice, "invoice")
    emit.json(core.slice(request, invoice.lines.data, "/v1/invoices/" .. invoice.id .. "/lines"))
end)

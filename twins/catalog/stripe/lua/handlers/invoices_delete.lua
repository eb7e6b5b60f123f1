local core = wt.import("core")
local bill = wt.import("bill")

return core.handler(function(request)
    local invoice = core.find("invoice", request.params.invoice, "invoice")
    bill.require(invoice, { "draft" }, "delete")
    if invoice.subscription then
        core.invalid("You can't delete invoices created by subscriptions.", nil, "invoice_not_editable")
    end
    for _, item in state.query(core.places.invoiceitem, "invoice", invoice.id) do
        item.invoice = wt.null
        core.keep("invoiceitem", item)
    end
end)

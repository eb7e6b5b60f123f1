local core = wt.import("core")
local bill = wt.import("bill")

return core.handler(function(request)
    local item = core.find("invoiceitem", request.params.invoiceitem, "id")
    local invoice = item.invoice and core.find("invoice", item.invoice, "invoice")
    if invoice then
        bill.require(invoice, { "draft" }, "delete items of")
        bill.drop_line(invoice, item.id)
    end
end)

local core = wt.import("core")
local bill = wt.import("bill")

return core.handler(function(request, given)
    local item = core.find("invoiceitem", request.params.invoiceitem, "id")
    local invoice = item.invoice and core.find("invoice", item.invoice, "invoice")
    if invoice then bill.require(invoice, { "draft" }, "update items of") end
    bill.change_item(item, given, invoice)
    core.answer("invoiceitem", item)
end)

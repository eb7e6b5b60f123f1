local core = wt.import("core")
local bill = wt.import("bill")

return core.handler(function(request, given)
    if not given.customer then core.missing("customer") end
    local customer = core.find("customer", given.customer, "customer")
    local invoice = given.invoice and core.find("invoice", given.invoice, "invoice")
    if invoice then bill.require(invoice, { "draft" }, "add items to") end
    local item = bill.new_item(customer, given, invoice)
    core.answer("invoiceitem", item)
end)

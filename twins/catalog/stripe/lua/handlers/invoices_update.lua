local core = wt.import("core")
local bill = wt.import("bill")
local discounts = wt.import("discounts")

return core.handler(function(request, given)
    local invoice = core.find("invoice", request.params.invoice, "invoice")
    local only_notes = true
    for name in given do
        only_notes = only_notes and core.has({ "metadata", "auto_advance", "default_payment_method", "payment_settings",
            "transfer_data", "expand" }, name)
    end
    if not only_notes then bill.require(invoice, { "draft" }, "update") end
    core.take(invoice, given, { "auto_advance", "collection_method", "custom_fields", "days_until_due", "default_payment_method",
        "description", "due_date", "footer", "statement_descriptor" })
    if given.days_until_due then
        invoice.due_date = invoice.created + given.days_until_due * bill.DAY
    end
    if given.default_tax_rates ~= nil then
        invoice.default_tax_rates = bill.tax_rates(given.default_tax_rates, "default_tax_rates")
    end
    local off = discounts.listed(given.discounts, { customer = invoice.customer, now = bill.now(invoice) })
    if off then
        invoice.off, invoice.discount = off, off[1] or wt.null
    end
    if off or given.default_tax_rates ~= nil then
        bill.sum(invoice, core.peek("customer", invoice.customer))
    end
    core.answer("invoice", core.keep("invoice", invoice))
end)

local core = wt.import("core")
local bill = wt.import("bill")

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
    core.answer("invoice", core.keep("invoice", invoice))
end)

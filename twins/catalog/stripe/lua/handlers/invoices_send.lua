local core = wt.import("core")
local bill = wt.import("bill")

return core.handler(function(request)
    local invoice = core.find("invoice", request.params.invoice, "invoice")
    if invoice.status == "draft" then bill.finalize(invoice, bill.now(invoice)) end
    bill.require(invoice, { "open", "paid", "uncollectible" }, "send")
    invoice.sent = (invoice.sent or 0) + 1
    core.answer("invoice", core.keep("invoice", invoice))
end)

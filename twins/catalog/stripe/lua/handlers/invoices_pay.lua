local core = wt.import("core")
local bill = wt.import("bill")
local subs = wt.import("subscriptions")

return core.handler(function(request, given)
    local invoice = core.find("invoice", request.params.invoice, "invoice")
    local now = bill.now(invoice)
    if invoice.status == "paid" then
        core.invalid("Invoice is already paid", nil, "invoice_already_paid")
    end
    if invoice.status == "draft" then bill.finalize(invoice, now) end
    if invoice.status == "open" or invoice.status == "uncollectible" then
        if given.paid_out_of_band then
            bill.paid(invoice, now, true)
        else
            bill.settle(invoice, given, now)
        end
    elseif invoice.status ~= "paid" then
        core.invalid("You cannot pay an invoice with status " .. invoice.status .. ".", nil, "invoice_not_editable")
    end
    subs.paid(invoice)
    core.answer("invoice", core.find("invoice", invoice.id))
end)

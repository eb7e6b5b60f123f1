local core = wt.import("core")
local bill = wt.import("bill")

return core.handler(function(request, given)
    local invoice = core.find("invoice", request.params.invoice, "invoice")
    if invoice.status ~= "draft" then
        core.invalid("This invoice is already finalized, you can't re-finalize a non-draft invoice.", nil, "invoice_not_editable")
    end
    if given.auto_advance ~= nil then invoice.auto_advance = given.auto_advance end
    bill.finalize(invoice, bill.now(invoice))
    core.answer("invoice", invoice)
end)

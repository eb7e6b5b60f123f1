local core = wt.import("core")
local bill = wt.import("bill")

return core.handler(function(request)
    local invoice = core.find("invoice", request.params.invoice, "invoice")
    bill.require(invoice, { "open", "uncollectible" }, "void")
    core.answer("invoice", bill.give_up(invoice, "void", "voided_at"))
end)

local core = wt.import("core")
local bill = wt.import("bill")

return core.handler(function(request)
    local invoice = core.find("invoice", request.params.invoice, "invoice")
    bill.require(invoice, { "open" }, "mark as uncollectible")
    core.answer("invoice", bill.give_up(invoice, "uncollectible", "marked_uncollectible_at"))
end)

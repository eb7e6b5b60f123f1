local core = wt.import("core")
local credits = wt.import("credits")

return core.handler(function(request)
    local asked = request.asked
    if not asked.invoice then core.missing("invoice") end
    local invoice = core.find("invoice", asked.invoice, "invoice")
    emit.json(credits.preview(invoice, asked, core.now(core.peek("customer", invoice.customer))))
end)

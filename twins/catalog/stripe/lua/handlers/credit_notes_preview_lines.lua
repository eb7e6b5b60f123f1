local core = wt.import("core")
local credits = wt.import("credits")

return core.handler(function(request)
    local asked = request.asked
    if not asked.invoice then core.missing("invoice") end
    local invoice = core.find("invoice", asked.invoice, "invoice")
    local note = credits.preview(invoice, asked, core.now(core.peek("customer", invoice.customer)))
    emit.json(core.slice(request, note.lines.data, "/v1/credit_notes/preview/lines"))
end)

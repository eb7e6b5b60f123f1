local core = wt.import("core")
local upcoming = wt.import("upcoming")

return core.handler(function(request)
    local invoice = upcoming.draw(request.asked)
    emit.json(core.slice(request, invoice.lines.data, "/v1/invoices/upcoming/lines"))
end)

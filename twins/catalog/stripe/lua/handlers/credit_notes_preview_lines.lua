local core = wt.import("core")
local credits = wt.import("credits")

return core.handler(function(request)
    local note = credits.preview(request.asked)
    emit.json(core.slice(request, note.lines.data, "/v1/credit_notes/preview/lines"))
end)

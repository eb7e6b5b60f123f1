local core = wt.import("core")

return core.handler(function(request)
    local note = core.find("credit_note", request.params.credit_note)
    emit.json(core.slice(request, note.lines.data, "/v1/credit_notes/" .. note.id .. "/lines"))
end)

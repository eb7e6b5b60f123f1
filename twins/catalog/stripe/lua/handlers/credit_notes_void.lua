local core = wt.import("core")
local credits = wt.import("credits")

return core.handler(function(request)
    core.answer("credit_note", credits.void(core.find("credit_note", request.params.id)))
end)

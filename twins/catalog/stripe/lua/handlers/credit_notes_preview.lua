local core = wt.import("core")
local credits = wt.import("credits")

return core.handler(function(request)
    emit.json(credits.preview(request.asked))
end)

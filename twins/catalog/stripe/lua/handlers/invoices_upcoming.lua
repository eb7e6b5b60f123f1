local core = wt.import("core")
local upcoming = wt.import("upcoming")

return core.handler(function(request)
    emit.json(upcoming.draw(request.asked))
end)

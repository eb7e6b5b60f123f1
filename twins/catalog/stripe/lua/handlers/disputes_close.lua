local core = wt.import("core")
local disputes = wt.import("disputes")

return core.handler(function(request)
    local dispute = core.find("dispute", request.params.dispute, "id")
    disputes.close(dispute)
    core.answer("dispute", dispute)
end)

local core = wt.import("core")
local disputes = wt.import("disputes")

return core.handler(function(request, given)
    local dispute = core.find("dispute", request.params.dispute, "id")
    disputes.answer(dispute, given)
    core.answer("dispute", dispute)
end)

local core = wt.import("core")
local disputes = wt.import("disputes")

return core.handler(function(request, given)
    local charge = core.find("charge", request.params.charge, "charge")
    if not charge.dispute then
        core.fail(404, { message = "No dispute for charge: " .. charge.id, code = "resource_missing" })
    end
    local dispute = core.find("dispute", charge.dispute)
    if request.method == "POST" then
        if string.match(request.path, "/close$") then disputes.close(dispute) else disputes.answer(dispute, given) end
    end
    core.answer("dispute", dispute)
end)

local core = wt.import("core")
local capabilities = wt.import("capabilities")

return core.handler(function(request)
    emit.json(capabilities.shown(core.find("account", request.params.account, "account"), request.params.capability))
end)

local core = wt.import("core")
local capabilities = wt.import("capabilities")

return core.handler(function(request, given)
    local account = core.find("account", request.params.account, "account")
    account.capabilities[request.params.capability] = if given.requested == false then nil else "inactive"
    wt.import("accounts").settle(account)
    emit.json(capabilities.shown(account, request.params.capability))
end)

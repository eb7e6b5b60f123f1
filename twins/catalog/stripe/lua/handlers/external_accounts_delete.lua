local core = wt.import("core")
local accounts = wt.import("accounts")

return core.handler(function(request)
    local account = core.find("account", request.params.account, "account")
    local place, id = accounts.external_place(account), request.params.id
    local one = state.get(place, id)
    if not one then core.find("external_account", nil) end
    state.delete(place, id)
    accounts.settle(account)
    emit.json({ id = id, object = one.object, deleted = true, currency = one.currency })
end)

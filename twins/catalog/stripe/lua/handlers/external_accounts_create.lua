local core = wt.import("core")
local accounts = wt.import("accounts")

return core.handler(function(request, given)
    local account = core.find("account", request.params.account, "account")
    if not given.external_account and not given.bank_account then core.missing("external_account") end
    local place, id = accounts.add_external(account, given.external_account or given.bank_account, given.default_for_currency)
    local one = state.get(place, id)
    core.metadata(one, given.metadata)
    state.put(place, id, one)
    accounts.settle(account)
    emit.json(wt.show(place, id))
end)

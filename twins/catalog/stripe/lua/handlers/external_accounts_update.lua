local core = wt.import("core")
local accounts = wt.import("accounts")

return core.handler(function(request, given)
    local account = core.find("account", request.params.account, "account")
    local place, id = accounts.external_place(account), request.params.id
    local one = state.get(place, id)
    if not one then core.find("external_account", nil) end
    core.take(one, given, { "account_holder_name", "account_holder_type", "exp_month", "exp_year", "name" })
    one.default_for_currency = given.default_for_currency or one.default_for_currency
    state.put(place, id, one)
    accounts.settle(account)
    emit.json(wt.show(place, id))
end)

local core = wt.import("core")
local accounts = wt.import("accounts")

return core.handler(function(request)
    local account = core.find("account", request.params.account, "account")
    wt.page(accounts.external_place(account), { object = request.query.object })
end)

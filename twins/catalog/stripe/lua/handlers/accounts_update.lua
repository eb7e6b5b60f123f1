local core = wt.import("core")
local accounts = wt.import("accounts")

return core.handler(function(request, given)
    local account = core.find("account", request.params.account, "account")
    accounts.take(account, given)
    core.answer("account", accounts.settle(account))
end)

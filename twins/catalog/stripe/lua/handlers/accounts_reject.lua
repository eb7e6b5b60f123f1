local core = wt.import("core")
local accounts = wt.import("accounts")

return core.handler(function(request, given)
    local account = core.find("account", request.params.account, "account")
    if not given.reason then core.missing("reason") end
    account.onboarded = nil
    accounts.settle(account)
    account.charges_enabled, account.payouts_enabled = false, false
    account.requirements.disabled_reason = "rejected." .. given.reason
    core.answer("account", core.keep("account", account))
end)

local core = wt.import("core")
local pages = wt.import("pages")
local accounts = wt.import("accounts")

return function(request)
    local account = core.peek("account", request.params.account)
    if not account then
        return pages.say(404, "Not found", "There is no such account.")
    elseif request.method == "GET" then
        return pages.form("Onboarding", "Tell all that is asked of this account.", {}, { { name = "action", value = "submit", label = "Submit" } })
    end
    account.onboarded = true
    accounts.settle(account)
    if account.return_url then pages.go(account.return_url) else pages.say(200, "Done", "The account is complete.") end
end

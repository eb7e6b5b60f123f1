local core = wt.import("core")
local accounts = wt.import("accounts")

return core.handler(function(request, given)
    local account = core.make("account", {
        capabilities = {}, charges_enabled = false, country = given.country or "US", created = math.floor(clock.now()),
        default_currency = given.default_currency or "usd", details_submitted = false, email = given.email or wt.null,
        business_type = given.business_type or wt.null, payouts_enabled = false, type = given.type or "standard", tos_acceptance = {},
    })
    accounts.take(account, given)
    core.answer("account", accounts.settle(account))
end)

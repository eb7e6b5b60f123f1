local core = wt.import("core")

return core.handler(function(request, given)
    local capabilities = {}
    for name, asked in given.capabilities or {} do
        if asked.requested then capabilities[name] = "inactive" end
    end
    local account = core.make("account", {
        business_type = given.business_type or wt.null, business_profile = given.business_profile, capabilities = capabilities,
        charges_enabled = false, country = given.country or "US", created = math.floor(clock.now()),
        default_currency = given.default_currency or "usd", details_submitted = false, email = given.email or wt.null,
        payouts_enabled = false, type = given.type or "standard", tos_acceptance = given.tos_acceptance or {},
        company = given.company, individual = given.individual, settings = given.settings,
        external_accounts = core.list("", {}),
    })
    account.external_accounts.url = "/v1/accounts/" .. account.id .. "/external_accounts"
    core.metadata(account, given.metadata)
    core.answer("account", core.keep("account", account))
end)

local core = wt.import("core")

return core.handler(function(request, given)
    if not given.account then core.missing("account") end
    if not given.type then core.missing("type") end
    local account = core.find("account", given.account, "account")
    local now = math.floor(clock.now())
    account.return_url = given.return_url
    core.keep("account", account)
    emit.json({ object = "account_link", created = now, expires_at = now + 300, url = core.page("/hosted/onboarding/" .. account.id) })
end)

local core = wt.import("core")

return core.handler(function(request)
    local account = core.find("account", request.params.account, "account")
    if account.type ~= "express" then
        core.invalid("Cannot create a login link for an account that is not an Express account.", "account")
    end
    emit.json({ object = "login_link", created = math.floor(clock.now()), url = core.page("/hosted/onboarding/" .. account.id) })
end)

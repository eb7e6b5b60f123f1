local core = wt.import("core")

return core.handler(function(request)
    local session = core.find("checkout.session", request.params.session, "session")
    if session.status ~= "open" then
        core.invalid("Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of "
            .. session.status .. ".", nil)
    end
    session.status, session.told, session.url = "expired", "expired", wt.null
    core.answer("checkout.session", core.keep("checkout.session", session))
end)

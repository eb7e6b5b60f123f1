local core = wt.import("core")
local setup = wt.import("setup")

return core.handler(function(request, given)
    if given.customer then core.find("customer", given.customer, "customer") end
    local intent = core.make("setupintent", {
        cancellation_reason = wt.null, created = math.floor(clock.now()), last_setup_error = wt.null, latest_attempt = wt.null,
        livemode = false, next_action = wt.null, payment_method_types = wt.array(given.payment_method_types or { "card" }),
        status = "requires_payment_method", told = "new", usage = given.usage or "off_session", payment_method = wt.null,
    })
    intent.client_secret = core.secret(intent.id)
    core.take(intent, given, { "customer", "description", "on_behalf_of", "automatic_payment_methods", "payment_method_options" })
    setup.take_method(intent, given)
    core.keep("setupintent", intent)
    if given.confirm then setup.confirm(intent, given) end
    core.answer("setupintent", intent)
end)

local core = wt.import("core")
local people = wt.import("people")

return core.handler(function(request, given)
    local now = math.floor(clock.now())
    if given.test_clock then
        now = core.find("test_clock", given.test_clock, "test_clock").frozen_time
    end
    local customer = core.make("customer", {
        balance = given.balance or 0, created = now, delinquent = false, livemode = false, invoice_prefix = wt.null,
        next_invoice_sequence = given.next_invoice_sequence or 1, preferred_locales = wt.array(given.preferred_locales),
        tax_exempt = given.tax_exempt or "none", test_clock = given.test_clock or wt.null, discount = wt.null,
        invoice_settings = { custom_fields = wt.null, default_payment_method = wt.null, footer = wt.null,
            rendering_options = wt.null },
    })
    customer.invoice_prefix = given.invoice_prefix or string.upper(core.word("prefix:" .. customer.id, 8))
    core.take(customer, given, { "address", "description", "email", "name", "phone", "shipping" })
    core.keep("customer", customer)
    people.settle(customer, given)
    core.answer("customer", core.keep("customer", customer))
end)

local core = wt.import("core")
local quotes = wt.import("quotes")

return core.handler(function(request, given)
    local customer = given.customer and core.find("customer", given.customer, "customer")
    local now = core.now(customer)
    local quote = core.make("quote", { amount_subtotal = 0, amount_total = 0, automatic_tax = { enabled = false, status = wt.null },
        collection_method = given.collection_method or "charge_automatically", created = now, customer = given.customer or wt.null,
        default_tax_rates = wt.array(), discounts = wt.array(), expires_at = given.expires_at or now + 30 * 86400, invoice = wt.null,
        items = wt.array(), livemode = false, number = wt.null, status = "draft", told = "draft", subscription = wt.null,
        status_transitions = { accepted_at = wt.null, canceled_at = wt.null, finalized_at = wt.null },
        subscription_data = given.subscription_data or { description = wt.null, effective_date = wt.null, trial_period_days = wt.null },
        test_clock = customer and customer.test_clock or wt.null })
    core.take(quote, given, { "description", "footer", "header" })
    quotes.price(quote, given)
    core.answer("quote", core.keep("quote", quote))
end)

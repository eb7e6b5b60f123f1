local core = wt.import("core")
local bill = wt.import("bill")
local discounts = wt.import("discounts")

return core.handler(function(request, given)
    if not given.customer then core.missing("customer") end
    local customer = core.find("customer", given.customer, "customer")
    local sub = given.subscription and core.find("subscription", given.subscription, "subscription")
    local off = discounts.listed(given.discounts, { customer = customer.id, now = core.now(customer) })
    local invoice = bill.new_invoice(customer, {
        auto_advance = given.auto_advance ~= false, billing_reason = "manual", collection_method = given.collection_method,
        currency = given.currency or customer.currency or "usd", custom_fields = given.custom_fields or wt.null,
        days_until_due = given.days_until_due, default_payment_method = given.default_payment_method or wt.null,
        default_tax_rates = bill.tax_rates(given.default_tax_rates, "default_tax_rates"), description = given.description or wt.null,
        discount = (if off then off[1] else customer.discount) or wt.null, off = off, due_date = given.due_date, footer = given.footer or wt.null,
        metadata = given.metadata or {}, statement_descriptor = given.statement_descriptor or wt.null,
        subscription = given.subscription or wt.null,
    }, core.now(customer))
    if sub or given.pending_invoice_items_behavior == "include" then
        bill.gather(invoice, customer, sub and sub.id)
        bill.sum(invoice, customer)
    end
    core.answer("invoice", core.keep("invoice", invoice))
end)

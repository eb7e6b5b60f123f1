-- Quotes: what a customer is offered, and what comes of accepting it.
-- Source: Stripe's public reference of quotes at this API version.

local core = wt.import("core")
local bill = wt.import("bill")
local checkout = wt.import("checkout")
local discounts = wt.import("discounts")
local quotes = {}

local function details(off) return { amount_discount = off, amount_shipping = 0, amount_tax = 0 } end

-- What is paid for each interval; null where nothing recurs.
local function recurring(items)
    local sum, interval = 0, nil
    for _, item in items do
        if item.price.type == "recurring" then
            sum += item.amount_total
            interval = item.price.recurring
        end
    end
    return interval and { amount_subtotal = sum, amount_total = sum, interval = interval.interval,
        interval_count = interval.interval_count or 1, total_details = details(0) } or wt.null
end

-- Writes what a request says of its items and discounts into a quote.
function quotes.price(quote, given)
    if given.line_items then
        local items, subtotal, currency = checkout.items_of(given, "quote")
        quote.items, quote.amount_subtotal, quote.currency = items, subtotal, currency or wt.null
    end
    local use = { customer = core.value(quote.customer), now = math.floor(clock.now()) }
    local off = discounts.listed(given.discounts, use, true)
    if off then
        quote.wanted_discounts, quote.off, quote.discounts = given.discounts, off, discounts.ids(off)
    end
    local taken = 0
    for _, one in core.value(quote.off) or {} do
        taken += discounts.off(one, quote.amount_subtotal - taken)
    end
    quote.amount_total, quote.total_details = quote.amount_subtotal - taken, details(taken)
    quote.computed = { recurring = recurring(quote.items), upfront = { amount_subtotal = quote.amount_subtotal,
        amount_total = quote.amount_total, total_details = details(taken) } }
end

function quotes.require(quote, wanted, what)
    if not core.has(wanted, quote.status) then
        core.invalid("You can only " .. what .. " a quote that is " .. table.concat(wanted, " or ") .. "; this quote is "
            .. quote.status .. ".", nil)
    end
end

function quotes.move(quote, status, stamp)
    quote.status, quote.told = status, status
    quote.status_transitions[stamp] = math.floor(clock.now())
end

-- What recurs becomes a subscription, what does not an invoice.
function quotes.accept(quote)
    local customer = core.find("customer", quote.customer, "customer")
    local items, once = {}, {}
    for _, item in quote.items do
        local one = { price = item.price.id, quantity = item.quantity }
        table.insert(if item.price.type == "recurring" then items else once, one)
    end
    local given = (core.value(quote.wanted_discounts) or {})[1] or {}
    if #items > 0 then
        local data = core.value(quote.subscription_data) or {}
        local sub = wt.import("subscriptions").create({ customer = customer.id, items = items, add_invoice_items = once,
            collection_method = quote.collection_method, days_until_due = if quote.collection_method == "send_invoice" then 30 else nil,
            coupon = given.coupon, promotion_code = given.promotion_code, description = core.value(data.description),
            trial_period_days = core.value(data.trial_period_days), metadata = core.value(data.metadata) })
        quote.subscription, quote.invoice = sub.id, sub.latest_invoice
    else
        local now = core.now(customer)
        local off = discounts.listed(core.value(quote.wanted_discounts), { customer = customer.id, now = now })
        local invoice = bill.new_invoice(customer, { auto_advance = false, billing_reason = "manual", currency = quote.currency,
            collection_method = quote.collection_method, discount = off and off[1] or wt.null, off = off, quote = quote.id }, now)
        for _, one in once do
            bill.new_item(customer, one, invoice)
        end
        quote.invoice = invoice.id
    end
    quotes.move(quote, "accepted", "accepted_at")
end

return quotes

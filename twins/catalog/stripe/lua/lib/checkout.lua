-- Checkout sessions: what a customer is asked to pay, and what comes of it.

local core = wt.import("core")
local bill = wt.import("bill")
local cards = wt.import("cards")
local discounts = wt.import("discounts")
local pay = wt.import("pay")
local prices = wt.import("prices")
local checkout = {}

local function items_of(given, mode)
    local items, subtotal, currency = wt.array(), 0, given.currency
    for index, one in given.line_items or {} do
        local price = bill.price_of(one)
        local place = "line_items[" .. (index - 1) .. "]"
        if mode == "payment" and price.type == "recurring" then
            core.invalid("You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.", place)
        end
        currency = currency or price.currency
        if price.currency ~= currency then
            core.invalid("All line items must have the same currency.", place)
        end
        local quantity = one.quantity or 1
        local product = core.peek("product", price.product)
        local amount = prices.of_item({ price = price, quantity = quantity })
        subtotal += amount
        table.insert(items, { id = "li_" .. core.word("item:" .. tostring(state.counter("checkout items")), 24), object = "item",
            amount_discount = 0, amount_subtotal = amount, amount_tax = 0, amount_total = amount, currency = currency,
            description = product and product.name or "", price = bill.shown(price), quantity = quantity })
    end
    return items, subtotal, currency
end
checkout.items_of = items_of

-- What is taken off, and what was asked to take it off.
local function discount_of(given, subtotal)
    local asked = given.discounts and given.discounts[1] or {}
    local code = asked.promotion_code and core.find("promotion_code", asked.promotion_code, "discounts[0][promotion_code]")
    local id = asked.coupon or (code and code.coupon.id)
    local coupon = id and core.find("coupon", id, "discounts[0][coupon]")
    return if coupon then discounts.off({ coupon = coupon }, subtotal) else 0, asked
end

-- The first way of shipping a request offers: its rate and what it costs.
local function shipping_of(given, now)
    local options = wt.array()
    for index, one in given.shipping_options or {} do
        local data = one.shipping_rate_data
        local rate = if data then core.make("shipping_rate", { active = true, created = now, display_name = data.display_name,
                delivery_estimate = data.delivery_estimate or wt.null, fixed_amount = data.fixed_amount, livemode = false,
                metadata = data.metadata or {}, tax_behavior = data.tax_behavior or "unspecified", tax_code = data.tax_code or wt.null,
                type = "fixed_amount" })
            else core.find("shipping_rate", one.shipping_rate, "shipping_options[" .. (index - 1) .. "][shipping_rate]")
        options[index] = { shipping_rate = rate.id, shipping_amount = rate.fixed_amount.amount }
    end
    local first = options[1]
    local cost = first and { amount_subtotal = first.shipping_amount, amount_tax = 0, amount_total = first.shipping_amount,
        shipping_rate = first.shipping_rate }
    return options, cost
end

-- What is to be paid at once: nothing of what recurs while it is on trial.
local function due_now(items, given, subtotal)
    local data = given.subscription_data or {}
    if not data.trial_period_days and not data.trial_end then
        return subtotal
    end
    local due = 0
    for _, item in items do
        due += if item.price.type == "recurring" then 0 else item.amount_total
    end
    return due
end

local function new_setup_intent(given, now)
    local data = given.setup_intent_data or {}
    return wt.import("setup").begin({ customer = given.customer or wt.null, description = data.description or wt.null,
        metadata = data.metadata, payment_method_types = given.payment_method_types }, now)
end

-- Source: Stripe's public reference of checkout sessions at this API version.
function checkout.create(given)
    local mode = given.mode or if given.line_items then "payment" else "setup"
    if not given.success_url and given.ui_mode ~= "embedded" then
        core.missing("success_url")
    end
    if mode ~= "setup" and (not given.line_items or #given.line_items == 0) then
        core.missing("line_items")
    end
    local customer = given.customer and core.find("customer", given.customer, "customer")
    local items, subtotal, currency = items_of(given, mode)
    local off, discount = discount_of(given, subtotal)
    if mode == "subscription" then
        local recurring = false
        for _, item in items do
            recurring = recurring or item.price.type == "recurring"
        end
        if not recurring then
            core.invalid("You must provide at least one recurring price in `subscription` mode when using prices.", nil)
        end
    end
    local now = core.now(customer)
    local options, cost = shipping_of(given, now)
    local shipping = if cost then cost.amount_total else 0
    subtotal = due_now(items, given, subtotal)
    local total = math.max(subtotal - off, 0) + shipping
    local session = core.make("checkout.session", {
        amount_subtotal = if mode == "setup" then wt.null else subtotal, amount_total = if mode == "setup" then wt.null else total,
        automatic_tax = { enabled = false, status = wt.null }, created = now, currency = currency or wt.null,
        customer_creation = if mode == "payment" and not customer then given.customer_creation or "if_required" else wt.null,
        expires_at = given.expires_at or now + 86400, items = items, livemode = false, mode = mode,
        payment_method_types = wt.array(given.payment_method_types or { "card" }), payment_intent = wt.null,
        payment_status = if mode == "setup" or total == 0 then "no_payment_required" else "unpaid", shipping_cost = cost or wt.null,
        setup_intent = if mode == "setup" then new_setup_intent(given, now).id else wt.null, shipping_options = options, status = "open",
        told = "open", subscription = wt.null, invoice = wt.null,
        total_details = { amount_discount = off, amount_shipping = shipping, amount_tax = 0 },
        wanted = { coupon = discount.coupon, promotion_code = discount.promotion_code, payment_intent_data = given.payment_intent_data,
            setup_intent_data = given.setup_intent_data, subscription_data = given.subscription_data },
    })
    core.take(session, given, { "allow_promotion_codes", "billing_address_collection", "cancel_url", "client_reference_id", "customer",
        "customer_email", "locale", "payment_method_collection", "shipping_address_collection", "submit_type", "success_url" })
    session.url = core.page("/hosted/checkout/" .. session.id)
    core.later(math.max(session.expires_at - clock.now(), 0), "checkout_expires", session.id)
    return core.keep("checkout.session", session)
end

local function subscribe(session, customer, method, now)
    local data, items = session.wanted.subscription_data or {}, {}
    for index, one in session.items do
        if one.price.type == "recurring" then
            table.insert(items, { price = one.price.id, quantity = one.quantity })
        else
            bill.new_item(customer, { price = one.price.id, quantity = one.quantity })
        end
    end
    local sub = wt.import("subscriptions").create({ customer = customer.id, items = items, default_payment_method = method.id,
        coupon = session.wanted.coupon, promotion_code = session.wanted.promotion_code, trial_period_days = data.trial_period_days,
        trial_end = data.trial_end, metadata = data.metadata, description = data.description })
    session.subscription, session.invoice = sub.id, sub.latest_invoice
    session.payment_status = if sub.status == "trialing" then "no_payment_required" else "paid"
    return sub.status ~= "incomplete"
end

-- The error of the card, where there is one.
local function pay_once(session, customer, method, now)
    local data = session.wanted.payment_intent_data or {}
    local intent = pay.new_intent({ amount = session.amount_total, created = now, currency = session.currency,
        customer = customer and customer.id or wt.null, capture_method = data.capture_method, description = data.description or wt.null,
        metadata = data.metadata, payment_method = method.id, setup_future_usage = data.setup_future_usage or wt.null,
        receipt_email = data.receipt_email or wt.null })
    session.payment_intent = intent.id
    intent.authenticated = true
    local problem = pay.confirm(intent, {}, now)
    session.payment_status = if problem then "unpaid" else "paid"
    return problem
end

local function customer_of(session, given)
    if session.customer then
        return core.find("customer", session.customer, "customer")
    end
    if session.mode == "payment" and session.customer_creation ~= "always" then
        return nil
    end
    local customer = core.make("customer", { balance = 0, created = math.floor(clock.now()), delinquent = false, livemode = false,
        email = given.email or session.customer_email or wt.null, name = given.name or wt.null, metadata = {}, discount = wt.null,
        invoice_settings = { custom_fields = wt.null, default_payment_method = wt.null, footer = wt.null, rendering_options = wt.null } })
    session.customer = customer.id
    return customer
end

-- Has a customer pay on the page of a session; the error of the card, where it is declined.
function checkout.complete(session, given)
    local customer = customer_of(session, given)
    local now = core.now(customer)
    local method = cards.method(given.payment_method or "pm_card_visa")
    if customer then
        cards.attach(method, customer)
    end
    if session.mode == "subscription" then
        if not subscribe(session, customer, method, now) then
            return cards.decline("generic_decline")
        end
    elseif session.mode == "payment" then
        local problem = pay_once(session, customer, method, now)
        if problem then
            core.keep("checkout.session", session)
            return problem
        end
    else
        local setup = wt.import("setup")
        local intent = core.find("setupintent", session.setup_intent, "setup_intent")
        intent.customer, intent.payment_method, intent.authenticated = customer.id, method.id, true
        intent.status = "requires_confirmation"
        setup.confirm(intent, {})
    end
    session.customer_details = { address = wt.null, email = given.email or session.customer_email or (customer and customer.email) or wt.null,
        name = given.name or (customer and customer.name) or wt.null, phone = wt.null, tax_exempt = "none", tax_ids = wt.array() }
    session.status, session.told, session.url = "complete", "complete", wt.null
    core.keep("checkout.session", session)
    return nil
end

-- Where a customer is sent once a session is complete.
function checkout.after(session)
    return (string.gsub(session.success_url or "", "{CHECKOUT_SESSION_ID}", session.id))
end

return checkout

-- Bills: prices, discounts, invoices and how they are paid.

local core = wt.import("core")
local cards = wt.import("cards")
local pay = wt.import("pay")
local prices = wt.import("prices")
local discounts = wt.import("discounts")
local sums = wt.import("sums")
local bill = {}

local HOUR, DAY = 3600, 86400
-- Days between the attempts to pay an invoice of a subscription.
local RETRY_DAYS = { 3, 5, 7 }

function bill.price_of(given, currency)
    if given.price then
        local price = core.find("price", given.price, "price")
        if price.active == false then
            core.invalid("The price specified is inactive. This field only accepts active prices.", "price")
        end
        return price
    end
    if given.plan then
        return state.get(core.places.price, given.plan) or core.find("plan", given.plan, "plan")
    end
    if given.price_data then
        return bill.new_price(given.price_data)
    end
    core.missing("price")
end

function bill.new_price(given, id)
    if not given.product and not given.product_data then
        core.missing("product")
    end
    local currency = core.currency(given.currency)
    local product = given.product
    if product then
        core.find("product", product, "product")
    else
        product = core.make("product", { name = given.product_data.name, active = true, default_price = wt.null,
            metadata = given.product_data.metadata or {}, created = math.floor(clock.now()) }).id
    end
    local recurring = given.recurring and {
        aggregate_usage = given.recurring.aggregate_usage or wt.null,
        interval = given.recurring.interval,
        interval_count = given.recurring.interval_count or 1,
        trial_period_days = given.recurring.trial_period_days or wt.null,
        usage_type = given.recurring.usage_type or "licensed",
    }
    local amount = given.unit_amount or (given.unit_amount_decimal and math.floor(tonumber(given.unit_amount_decimal) + 0.5))
    local tiered = given.billing_scheme == "tiered"
    if tiered and not given.tiers then
        core.missing("tiers")
    elseif tiered and not given.tiers_mode then
        core.missing("tiers_mode")
    elseif amount == nil and not given.custom_unit_amount and not tiered then
        core.missing("unit_amount")
    end
    local fields = {
        active = given.active ~= false,
        billing_scheme = given.billing_scheme or "per_unit",
        created = math.floor(clock.now()),
        currency = currency,
        custom_unit_amount = given.custom_unit_amount and { maximum = given.custom_unit_amount.maximum or wt.null,
            minimum = given.custom_unit_amount.minimum or wt.null, preset = given.custom_unit_amount.preset or wt.null } or wt.null,
        livemode = false,
        lookup_key = given.lookup_key or wt.null,
        nickname = given.nickname or wt.null,
        product = product,
        recurring = recurring or wt.null,
        tax_behavior = given.tax_behavior or "unspecified",
        tiers = tiered and prices.tiers(given.tiers) or nil,
        tiers_mode = given.tiers_mode or wt.null,
        transform_quantity = given.transform_quantity or wt.null,
        type = if recurring then "recurring" else "one_time",
        unit_amount = amount or wt.null,
        unit_amount_decimal = given.unit_amount_decimal or (amount and tostring(amount)) or wt.null,
    }
    core.metadata(fields, given.metadata)
    return core.make_as("price", id, fields)
end

-- A price as it stands within other objects.
function bill.shown(price) return wt.show(core.places.price, price.id) end

function bill.interval(price) return price.recurring.interval, price.recurring.interval_count or 1 end

-- Invoices

local function line(fields)
    fields.object = "line_item"
    fields.id = "il_" .. core.word("line:" .. tostring(state.counter("lines")), 24)
    fields.discountable = fields.discountable ~= false
    fields.discount_amounts, fields.discounts = wt.array(), discounts.ids(core.value(fields.off))
    fields.tax_amounts, fields.tax_rates = wt.array(), core.value(fields.tax_rates) or wt.array()
    fields.livemode = false
    fields.metadata = fields.metadata or {}
    fields.proration = fields.proration or false
    fields.proration_details = { credited_items = wt.null }
    fields.amount_excluding_tax = fields.amount
    fields.unit_amount_excluding_tax = wt.null
    return fields
end
bill.line = line

-- The line of an item of a subscription for one period; what is metered is paid for the period that is `over`.
function bill.item_line(item, from, to, note, over)
    local price = item.price
    local quantity = item.quantity or 1
    if prices.is_metered(price) then
        quantity = if over then prices.usage(item, over, from) else 0
        from, to = over or from, if over then from else to
    end
    local amount = if note == "trial" then 0 else prices.amount(price, quantity)
    local product = state.get(core.places.product, price.product)
    local each = core.money(price.unit_amount or 0, price.currency) .. " / " .. price.recurring.interval
    local name = product and product.name or "Subscription"
    return line({
        amount = amount,
        currency = price.currency,
        description = if note == "trial" then "Trial period for " .. name else quantity .. " × " .. name .. " (at " .. each .. ")",
        period = { start = from, ["end"] = to },
        price = price,
        quantity = quantity,
        subscription = item.subscription,
        subscription_item = item.id,
        tax_rates = item.tax_rates,
        type = "subscription",
    })
end

local function item_line(item)
    return line({
        amount = item.amount,
        currency = item.currency,
        description = item.description or wt.null,
        discountable = item.discountable,
        invoice_item = item.id,
        metadata = item.metadata,
        off = item.off,
        period = item.period,
        price = item.price or wt.null,
        proration = item.proration,
        quantity = item.quantity or 1,
        subscription = item.subscription or wt.null,
        tax_rates = item.tax_rates,
        type = "invoiceitem",
    })
end
bill.invoice_item_line = item_line

-- Sums an invoice up from its lines.
function bill.sum(invoice, customer)
    sums.up(invoice)
    invoice.starting_balance = customer and customer.balance or 0
    local due = invoice.total + invoice.starting_balance
    invoice.amount_due = math.max(0, if invoice.total < 0 then 0 else due)
    invoice.amount_remaining = invoice.amount_due - (invoice.amount_paid or 0)
    return invoice
end

function bill.new_invoice(customer, fields, now)
    fields.account_country, fields.account_name = "US", wt.null
    fields.attempt_count, fields.attempted = 0, false
    fields.amount_paid, fields.paid, fields.paid_out_of_band = 0, false, false
    fields.collection_method = fields.collection_method or "charge_automatically"
    fields.created, fields.customer = now, customer.id
    fields.customer_email, fields.customer_name = customer.email or wt.null, customer.name or wt.null
    fields.customer_phone, fields.customer_address = customer.phone or wt.null, customer.address or wt.null
    fields.customer_tax_exempt = customer.tax_exempt or "none"
    fields.status, fields.told = "draft", "draft"
    fields.test_clock = customer.test_clock or wt.null
    fields.status_transitions = { finalized_at = wt.null, marked_uncollectible_at = wt.null, paid_at = wt.null, voided_at = wt.null }
    fields.livemode = false
    fields.due_date = if fields.days_until_due then now + fields.days_until_due * DAY else fields.due_date or wt.null
    fields.next_payment_attempt = wt.null
    fields.period_start, fields.period_end = fields.period_start or now, fields.period_end or now
    fields.amount_shipping = 0
    fields.webhooks_delivered_at = wt.null
    local lines = fields.lines or wt.array()
    fields.lines = core.list("", lines)
    fields.lines.url = nil
    local invoice = core.make("invoice", fields)
    bill.sum(invoice, customer)
    return core.keep("invoice", invoice)
end

-- Items of a customer that wait for its next invoice go onto this one, before the lines it has of its subscription.
-- Source: Stripe's public reference of invoices, the order of `lines`.
function bill.gather(invoice, customer, subscription)
    local waiting = wt.array()
    for _, item in state.query(core.places.invoiceitem, "customer", customer.id) do
        local fits = item.invoice == nil and item.currency == invoice.currency
            and (item.subscription == nil or item.subscription == subscription)
        if fits then
            item.invoice = invoice.id
            core.keep("invoiceitem", item)
            table.insert(waiting, item_line(item))
        end
    end
    for _, line in invoice.lines.data do
        table.insert(waiting, line)
    end
    invoice.lines.data = waiting
    return invoice
end

function bill.require(invoice, wanted, what)
    if not core.has(wanted, invoice.status) then
        core.invalid("You can only " .. what .. " an invoice that is " .. table.concat(wanted, " or ") .. "; this invoice is "
            .. invoice.status .. ".", nil, "invoice_not_editable")
    end
end

local function moved(invoice, status)
    invoice.status, invoice.told = status, status
end

function bill.finalize(invoice, now)
    local customer = core.peek("customer", invoice.customer)
    bill.sum(invoice, customer)
    local number = state.counter("invoices of " .. invoice.customer)
    local prefix = customer and customer.invoice_prefix or string.upper(core.word("invoices:" .. invoice.customer, 8))
    invoice.number = prefix .. "-" .. string.format("%04d", number)
    invoice.status_transitions.finalized_at, invoice.effective_at = now, now
    invoice.hosted_invoice_url = "https://invoice.stripe.com/i/" .. core.word("invoice:" .. invoice.id, 40)
    invoice.invoice_pdf = invoice.hosted_invoice_url .. "/pdf"
    invoice.ending_balance = 0
    if customer then
        local balance = customer.balance or 0
        -- What is owed is paid with the next invoice; what is in credit pays as much as there is to pay.
        local used = if invoice.total < 0 then -invoice.total else math.max(balance, -invoice.total)
        if used ~= 0 then
            bill.credit(customer, -used, "applied_to_invoice", { invoice = invoice.id, currency = invoice.currency }, now)
        end
        invoice.ending_balance = customer.balance
    end
    moved(invoice, "open")
    if invoice.amount_due <= 0 then
        return bill.paid(invoice, now)
    end
    local intent = pay.new_intent({
        amount = invoice.amount_due,
        created = now,
        currency = invoice.currency,
        customer = invoice.customer,
        description = if invoice.billing_reason == "subscription_create" then "Subscription creation"
            elseif invoice.subscription then "Subscription update" else wt.null,
        invoice = invoice.id,
        setup_future_usage = if invoice.subscription then "off_session" else wt.null,
    })
    invoice.payment_intent = intent.id
    return core.keep("invoice", invoice)
end

-- Adds to what a customer owes (or, below zero, has in credit), and notes it.
function bill.credit(customer, amount, kind, fields, now)
    customer.balance = (customer.balance or 0) + amount
    customer.currency = customer.currency or fields.currency
    core.keep("customer", customer)
    local place = "/v1/customers/" .. customer.id .. "/balance_transactions"
    local made = wt.new(place, { amount = amount, created = now, credit_note = fields.credit_note or wt.null, currency = fields.currency,
        customer = customer.id, description = fields.description or wt.null, ending_balance = customer.balance,
        invoice = fields.invoice or wt.null, livemode = false, metadata = fields.metadata or {}, type = kind })
    return place, made.id
end

function bill.paid(invoice, now, out_of_band)
    moved(invoice, "paid")
    invoice.paid, invoice.attempted = true, true
    invoice.amount_paid = if out_of_band then 0 else invoice.amount_due
    invoice.amount_remaining = if out_of_band then invoice.amount_due else 0
    invoice.paid_out_of_band = out_of_band or false
    invoice.next_payment_attempt = wt.null
    invoice.status_transitions.paid_at = now
    return core.keep("invoice", invoice)
end

-- What a customer pays with, where the request does not say.
function bill.method_of(invoice, customer, subscription)
    local settings = customer.invoice_settings or {}
    return invoice.default_payment_method or (subscription and subscription.default_payment_method)
        or settings.default_payment_method or customer.default_source
end

-- A card kept as a source pays like a payment method.
local function as_method(id, customer)
    local source = state.get("/v1/customers/" .. customer.id .. "/sources", id)
    if not source then
        return cards.method(id)
    end
    return state.get(core.places.PaymentMethod, id) or core.find("PaymentMethod", id, "payment_method")
end

-- Tries to pay an open invoice; nil, or the error of the card.
function bill.attempt(invoice, method_id, given, now)
    local customer = core.find("customer", invoice.customer, "customer")
    local intent = core.find("payment_intent", invoice.payment_intent, "payment_intent")
    intent.payment_method = as_method(method_id, customer).id
    invoice.attempt_count += 1
    invoice.attempted = true
    local problem = pay.confirm(intent, given, now)
    intent = core.find("payment_intent", intent.id, "intent")
    invoice.charge = intent.latest_charge or wt.null
    if intent.status == "succeeded" then
        bill.paid(invoice, now)
        return nil, intent
    end
    pay.failed(invoice)
    local wait = RETRY_DAYS[invoice.attempt_count]
    invoice.next_payment_attempt = if wait and invoice.auto_advance then now + wait * DAY else wt.null
    core.keep("invoice", invoice)
    return problem, intent
end

-- The time of an invoice: that of its customer.
function bill.now(invoice) return core.now(core.peek("customer", invoice.customer)) end

-- Pays an open invoice as a request asks for it; a declined card ends the request with its error.
function bill.settle(invoice, given, now)
    local customer = core.find("customer", invoice.customer, "customer")
    local sub = invoice.subscription and core.peek("subscription", invoice.subscription)
    local method = given.payment_method or given.source or bill.method_of(invoice, customer, sub)
    if not method then
        core.invalid("There is no `default_payment_method` set on this Customer or Invoice. Please set one, or pass a `payment_method`.",
            nil, "resource_missing")
    end
    local problem = bill.attempt(invoice, method, given, now)
    if problem then
        core.fail(402, problem)
    end
    if invoice.status ~= "paid" then
        core.fail(402, { type = "card_error", code = "invoice_payment_intent_requires_action",
            message = "This invoice's payment requires additional user action before it can be completed successfully." })
    end
end

-- Ends an invoice that is not paid.
function bill.give_up(invoice, status, stamp)
    moved(invoice, status)
    invoice.status_transitions[stamp] = bill.now(invoice)
    invoice.next_payment_attempt, invoice.auto_advance = wt.null, false
    local intent = status == "void" and invoice.payment_intent and core.peek("payment_intent", invoice.payment_intent)
    if intent and intent.status ~= "succeeded" and intent.status ~= "canceled" then
        intent.status, intent.told, intent.canceled_at, intent.cancellation_reason = "canceled", "canceled", bill.now(invoice), "void_invoice"
        core.keep("payment_intent", intent)
    end
    return core.keep("invoice", invoice)
end

-- Tax rates a request names, as they stand within other objects.
function bill.tax_rates(given, param)
    local rates = wt.array()
    for _, id in if type(given) == "table" then given else {} do
        if not core.peek("tax_rate", id) then
            core.invalid("No such tax rate: '" .. id .. "'", param, "resource_missing")
        end
        table.insert(rates, wt.show(core.places.tax_rate, id))
    end
    return rates
end

-- An item a request adds, on an invoice that is a draft or waiting for the next one.
function bill.new_item(customer, given, invoice)
    local now = core.now(customer)
    local price = if given.price or given.price_data then bill.price_of(given) else nil
    local quantity = given.quantity or 1
    local each = given.unit_amount or (price and price.unit_amount)
    local amount = given.amount or (price and prices.amount(price, quantity)) or (each and each * quantity)
    if amount == nil then
        core.invalid("One of the following params should be provided for this request: amount, price, or unit_amount.", nil, "parameter_missing")
    end
    local product = price and core.peek("product", price.product)
    local off = discounts.listed(given.discounts, { customer = customer.id, now = now, amount = amount }) or wt.array()
    local item = core.make("invoiceitem", {
        amount = amount, currency = given.currency or (price and price.currency) or "usd", customer = customer.id, date = now,
        description = given.description or (product and product.name) or wt.null, discountable = given.discountable ~= false,
        discounts = discounts.ids(off), off = off, invoice = if invoice then invoice.id else wt.null, livemode = false,
        metadata = given.metadata or {}, period = given.period or { start = now, ["end"] = now },
        price = if price then bill.shown(price) else wt.null, proration = false, quantity = quantity,
        subscription = given.subscription or wt.null, tax_rates = bill.tax_rates(given.tax_rates, "tax_rates"),
        test_clock = customer.test_clock or wt.null, unit_amount = each or amount,
    })
    if invoice then
        table.insert(invoice.lines.data, item_line(item))
        core.keep("invoice", bill.sum(invoice, customer))
    end
    return item
end

local function place_of(invoice, item)
    for index, one in invoice.lines.data do
        if one.invoice_item == item then
            return index
        end
    end
end

function bill.change_item(item, given, invoice)
    core.take(item, given, { "description", "discountable", "period" })
    if given.tax_rates ~= nil then
        item.tax_rates = bill.tax_rates(given.tax_rates, "tax_rates")
    end
    if given.discounts ~= nil then
        item.off = discounts.listed(given.discounts, { customer = item.customer, now = core.now(core.peek("customer", item.customer)) })
        item.discounts = discounts.ids(item.off)
    end
    item.quantity = given.quantity or item.quantity
    item.unit_amount = given.unit_amount or item.unit_amount
    if given.amount then
        item.amount = given.amount
    elseif given.quantity or given.unit_amount then
        item.amount = item.unit_amount * item.quantity
    end
    core.keep("invoiceitem", item)
    if invoice then
        invoice.lines.data[place_of(invoice, item.id)] = item_line(item)
        core.keep("invoice", bill.sum(invoice, core.peek("customer", invoice.customer)))
    end
end

function bill.drop_line(invoice, item)
    table.remove(invoice.lines.data, place_of(invoice, item))
    core.keep("invoice", bill.sum(invoice, core.peek("customer", invoice.customer)))
end

bill.HOUR, bill.DAY = HOUR, DAY
return bill

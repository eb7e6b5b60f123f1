-- Subscriptions: how they begin, renew, change and end.

local core = wt.import("core")
local cards = wt.import("cards")
local pay = wt.import("pay")
local bill = wt.import("bill")
local prices = wt.import("prices")
local discounts = wt.import("discounts")
local subs = {}

local HOUR, DAY = bill.HOUR, bill.DAY

local function keep(sub) return core.keep("subscription", sub) end

local function list_items(sub, items)
    sub.items = core.list("/v1/subscription_items?subscription=" .. sub.id, items)
    sub.items.total_count = #items
    -- What subscriptions are listed by.
    sub.prices = wt.array()
    for index, item in items do
        sub.prices[index] = item.price.id
    end
end

local function new_item(sub, given, now)
    local price = bill.price_of(given)
    if price.type ~= "recurring" then
        core.invalid("The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.", "items[0][price]")
    end
    local shown = bill.shown(price)
    local item = core.make("subscription_item", {
        billing_thresholds = wt.null,
        created = now,
        metadata = given.metadata or {},
        price = shown,
        plan = subs.plan(shown),
        quantity = if prices.is_metered(price) then wt.null else given.quantity or 1,
        subscription = sub.id,
        tax_rates = bill.tax_rates(given.tax_rates, "items[0][tax_rates]"),
    })
    return wt.show(core.places.subscription_item, item.id)
end

-- A price in the form it had before prices.
function subs.plan(price)
    return {
        id = price.id, object = "plan", active = price.active, aggregate_usage = wt.null, amount = price.unit_amount or wt.null,
        amount_decimal = price.unit_amount_decimal or wt.null, billing_scheme = price.billing_scheme, created = price.created,
        currency = price.currency, interval = price.recurring.interval, interval_count = price.recurring.interval_count,
        livemode = false, metadata = price.metadata or {}, nickname = price.nickname or wt.null, product = price.product,
        tiers_mode = wt.null, transform_usage = wt.null, trial_period_days = wt.null, usage_type = price.recurring.usage_type,
    }
end

local function moved(sub, status)
    sub.status, sub.told = status, status
end

-- The end of the period that begins at a time, counted from the anchor so that the 31st stays one.
local function period_end(sub, from)
    local interval, count = bill.interval(sub.items.data[1].price)
    local anchor, number = sub.billing_cycle_anchor, 1
    while core.after(anchor, interval, number * count) <= from do
        number += 1
    end
    return core.after(anchor, interval, number * count)
end

local function lines_of(sub, from, to, note, over)
    local lines = wt.array()
    for _, item in sub.items.data do
        table.insert(lines, bill.item_line(item, from, to, note, over))
    end
    return lines
end

-- `over`: when the period began that this invoice ends.
function subs.invoice(sub, customer, reason, now, from, to, note, over)
    local ends = core.value(sub.discount) and core.value(sub.discount["end"])
    if ends and ends <= now then
        sub.discount = wt.null
        keep(sub)
    end
    local own = core.value(sub.discount)
    local is_used = own and own.coupon.duration == "once" and sub.discount_used == own.id
    sub.discount_used = own and own.id
    local invoice = bill.new_invoice(customer, {
        auto_advance = true,
        billing_reason = reason,
        collection_method = sub.collection_method,
        currency = sub.currency,
        days_until_due = sub.days_until_due,
        default_payment_method = sub.default_payment_method or wt.null,
        default_tax_rates = sub.default_tax_rates or wt.array(),
        description = sub.description or wt.null,
        discount = if is_used then wt.null else own or customer.discount or wt.null,
        lines = lines_of(sub, from, to, note, over),
        metadata = {},
        period_start = over or from,
        period_end = now,
        subscription = sub.id,
        subscription_details = { metadata = sub.metadata or {} },
    }, now)
    bill.gather(invoice, customer, sub.id)
    bill.sum(invoice, customer)
    sub.latest_invoice = invoice.id
    return core.keep("invoice", invoice)
end

-- Whether a first payment has to go through at once.
local function check_method(sub, customer, total)
    if total > 0 and sub.collection_method == "charge_automatically" and not bill.method_of({}, customer, sub) then
        core.invalid("This customer has no attached payment source or default payment method. Please consider adding a default payment method.",
            nil, "resource_missing")
    end
end

local function total_of(sub)
    local total = 0
    for _, item in sub.items.data do
        total += prices.of_item(item)
    end
    return total
end

local NAMES = { "description", "default_payment_method", "days_until_due", "cancel_at", "automatic_tax", "transfer_data",
    "application_fee_percent", "payment_settings", "pause_collection", "on_behalf_of", "trial_settings", "billing_thresholds",
    "pending_invoice_item_interval" }

function subs.create(given)
    if not given.customer then
        core.missing("customer")
    end
    local customer = core.find("customer", given.customer, "customer")
    if not given.items or #given.items == 0 then
        core.missing("items")
    end
    local now = core.now(customer)
    if given.default_payment_method then
        local method = core.find("PaymentMethod", given.default_payment_method, "default_payment_method")
        if method.customer ~= customer.id then
            core.invalid("The customer does not have a payment method with the ID " .. method.id
                .. ". The payment method must be attached to the customer.", "default_payment_method", "resource_missing")
        end
    end
    local anchor = given.backdate_start_date or now
    local sub = core.make("subscription", {
        billing_cycle_anchor = anchor,
        cancel_at = wt.null, cancel_at_period_end = given.cancel_at_period_end or false, canceled_at = wt.null,
        cancellation_details = { comment = wt.null, feedback = wt.null, reason = wt.null },
        collection_method = given.collection_method or "charge_automatically",
        created = now, customer = customer.id, ended_at = wt.null, start_date = anchor,
        current_period_start = now, current_period_end = now,
        next_pending_invoice_item_invoice = wt.null, trial_start = wt.null, trial_end = wt.null,
        livemode = false, status = "incomplete", told = "new", test_clock = customer.test_clock or wt.null,
        default_tax_rates = bill.tax_rates(given.default_tax_rates, "default_tax_rates"), latest_invoice = wt.null,
    })
    core.take(sub, given, NAMES)
    local items = wt.array()
    for _, one in given.items do
        table.insert(items, new_item(sub, one, now))
    end
    list_items(sub, items)
    sub.currency = given.currency or items[1].price.currency
    sub.discount = discounts.named(given, { customer = customer.id, subscription = sub.id, now = now, amount = total_of(sub) })
        or core.value(sub.discount) or wt.null
    subs.begin(sub, customer, given, now)
    subs.watch(sub)
    return sub
end

-- Begins with a trial, or with a first invoice that is to be paid at once.
function subs.begin(sub, customer, given, now)
    local trial_end = given.trial_end
    local days = given.trial_period_days or (given.trial_from_plan and sub.items.data[1].price.recurring.trial_period_days)
    if trial_end == "now" or trial_end == "" then
        trial_end = nil
    elseif not trial_end and days then
        trial_end = now + days * DAY
    end
    if trial_end then
        sub.trial_start, sub.trial_end, sub.billing_cycle_anchor = now, trial_end, trial_end
        sub.current_period_start, sub.current_period_end = now, trial_end
        moved(sub, "trialing")
        keep(sub)
        local invoice = subs.invoice(sub, customer, "subscription_create", now, now, trial_end, "trial")
        bill.finalize(invoice, now)
        if sub.collection_method == "charge_automatically" and not bill.method_of({}, customer, sub) then
            sub.pending_setup_intent = wt.import("setup").begin({ customer = customer.id, subscription = sub.id }, now).id
        end
        keep(sub)
        return
    end
    if type(given.billing_cycle_anchor) == "number" then
        sub.billing_cycle_anchor = given.billing_cycle_anchor
        sub.current_period_end = given.billing_cycle_anchor
    else
        sub.current_period_end = period_end(sub, sub.billing_cycle_anchor)
        while sub.current_period_end <= now do
            sub.current_period_start = sub.current_period_end
            sub.current_period_end = period_end(sub, sub.current_period_end)
        end
    end
    local incomplete = given.payment_behavior == "default_incomplete"
    if not incomplete then
        local total, discount = total_of(sub), core.value(sub.discount) or core.value(customer.discount)
        check_method(sub, customer, total - (if discount then discounts.off(discount, total) else 0))
    end
    keep(sub)
    for _, one in given.add_invoice_items or {} do
        bill.new_item(customer, { price = one.price, price_data = one.price_data, quantity = one.quantity, subscription = sub.id,
            currency = sub.currency })
    end
    local invoice = subs.invoice(sub, customer, "subscription_create", now, sub.current_period_start, sub.current_period_end)
    bill.finalize(invoice, now)
    if invoice.status == "paid" or sub.collection_method == "send_invoice" then
        moved(sub, "active")
    elseif not incomplete then
        local problem, intent = bill.attempt(invoice, bill.method_of(invoice, customer, sub), given, now)
        if problem and given.payment_behavior == "error_if_incomplete" then
            pay.refuse(intent, problem)
        end
        if invoice.status == "paid" then
            moved(sub, "active")
        end
    end
    local settings = core.value(sub.payment_settings)
    if sub.status == "active" and settings and settings.save_default_payment_method == "on_subscription" then
        local intent = invoice.payment_intent and core.peek("payment_intent", invoice.payment_intent)
        sub.default_payment_method = intent and intent.payment_method or sub.default_payment_method
    end
    if sub.status == "incomplete" then
        sub.told = "incomplete"
    end
    keep(sub)
end

-- What the payment of one of its invoices does to a subscription.
function subs.paid(invoice, method)
    local sub = invoice.subscription and core.peek("subscription", invoice.subscription)
    if not sub then
        return
    end
    local settings = core.value(sub.payment_settings)
    if method and settings and settings.save_default_payment_method == "on_subscription" then
        sub.default_payment_method = method
    end
    if core.has({ "incomplete", "past_due", "unpaid" }, sub.status) then
        moved(sub, "active")
    end
    keep(sub)
end

-- What becomes of an invoice whose payment was confirmed by itself.
function subs.settled(intent, problem, now)
    local invoice = core.peek("invoice", intent.invoice)
    if not invoice or invoice.status ~= "open" then
        return
    end
    invoice.attempt_count += 1
    invoice.attempted, invoice.charge = true, intent.latest_charge or wt.null
    if problem then
        pay.failed(invoice)
        core.keep("invoice", invoice)
    else
        bill.paid(invoice, now)
        subs.paid(invoice, intent.payment_method)
    end
end

function subs.cancel(sub, now, reason, given)
    if sub.status == "canceled" then
        core.fail(404, { message = "No such subscription: '" .. sub.id .. "'", param = "id", code = "resource_missing" })
    end
    moved(sub, "canceled")
    sub.canceled_at, sub.ended_at, sub.cancel_at_period_end = sub.canceled_at or now, now, false
    sub.cancellation_details = { comment = given and given.comment or wt.null, feedback = given and given.feedback or wt.null,
        reason = reason }
    return keep(sub)
end

-- Changes

-- Puts other items in the place of all there are, from the next period on.
function subs.replace_items(sub, given, now)
    for _, item in sub.items.data do
        state.delete(core.places.subscription_item, item.id)
    end
    local items = wt.array()
    for index, one in given do
        items[index] = new_item(sub, one, now)
    end
    list_items(sub, items)
    keep(sub)
end

-- Money back for what is left of the period, and the rest of it at the new price: items that are still to be made.
function subs.prorations(sub, customer, old, new, now)
    local whole, made = sub.current_period_end - sub.current_period_start, {}
    local share = math.clamp((sub.current_period_end - now) / math.max(whole, 1), 0, 1)
    local function item(of, sign, text)
        local amount = sign * math.floor(prices.of_item(of) * share + 0.5)
        if amount == 0 then
            return
        end
        local product, quantity = state.get(core.places.product, of.price.product), of.quantity or 1
        table.insert(made, { amount = amount, currency = sub.currency, customer = customer.id, date = now,
            description = text .. " " .. quantity .. " × " .. (product and product.name or "Subscription"), discountable = false,
            invoice = wt.null, livemode = false, metadata = {}, period = { start = now, ["end"] = sub.current_period_end },
            price = of.price, proration = true, quantity = quantity, subscription = sub.id, tax_rates = of.tax_rates,
            unit_amount = of.price.unit_amount or wt.null, test_clock = customer.test_clock or wt.null })
    end
    if old then
        item(old, -1, "Unused time on")
    end
    if new then
        item(new, 1, "Remaining time on")
    end
    return made
end

local function prorate(sub, customer, old, new, now)
    for _, fields in subs.prorations(sub, customer, old, new, now) do
        core.make("invoiceitem", fields)
    end
end

local function bill_now(sub, customer, given, now)
    local invoice = bill.new_invoice(customer, { auto_advance = true, billing_reason = "subscription_update", currency = sub.currency,
        collection_method = sub.collection_method, days_until_due = sub.days_until_due, subscription = sub.id,
        period_start = sub.current_period_start, period_end = now }, now)
    bill.gather(invoice, customer, sub.id)
    sub.latest_invoice = invoice.id
    bill.finalize(invoice, now)
    if invoice.status == "open" and sub.collection_method == "charge_automatically" then
        local method = bill.method_of(invoice, customer, sub)
        if method then
            local problem, intent = bill.attempt(invoice, method, given, now)
            if problem and given.payment_behavior == "error_if_incomplete" then
                pay.refuse(intent, problem)
            end
        end
        if invoice.status ~= "paid" then
            moved(sub, "past_due")
        end
    end
end

-- Writes into an item what a request wants it to be.
function subs.change_item(item, one)
    if one.price or one.price_data or one.plan then
        item.price = bill.shown(bill.price_of(one))
        item.plan = subs.plan(item.price)
    end
    item.quantity = tonumber(one.quantity) or item.quantity
    if one.tax_rates ~= nil then
        item.tax_rates = bill.tax_rates(one.tax_rates, "items[0][tax_rates]")
    end
end

local function change_item(sub, customer, items, one, now, prorates)
    for index, item in items do
        if item.id == one.id then
            local old = table.clone(item)
            if one.deleted then
                table.remove(items, index)
                state.delete(core.places.subscription_item, item.id)
                if prorates then prorate(sub, customer, old, nil, now) end
                return
            end
            subs.change_item(item, one)
            core.metadata(item, one.metadata)
            state.put(core.places.subscription_item, item.id, item)
            local same = old.price.id == item.price.id and old.quantity == item.quantity
            if prorates and not same then prorate(sub, customer, old, item, now) end
            return
        end
    end
    if one.id then
        core.find("subscription_item", nil, "items[0][id]")
    end
    local item = new_item(sub, one, now)
    table.insert(items, item)
    if prorates then prorate(sub, customer, nil, item, now) end
end

-- Changes items; where the interval changes, a new period begins.
function subs.change_items(sub, customer, changes, given, now)
    local items = sub.items.data
    local interval, count = bill.interval(items[1].price)
    local behavior = given.proration_behavior or "create_prorations"
    local prorates = behavior ~= "none" and core.has({ "active", "past_due" }, sub.status)
    for _, one in changes do
        change_item(sub, customer, items, one, given.proration_date or now, prorates)
    end
    if #items == 0 then
        core.invalid("A subscription must have at least one active plan.", "items")
    end
    list_items(sub, items)
    local now_interval, now_count = bill.interval(items[1].price)
    if (now_interval ~= interval or now_count ~= count) and sub.status == "active" then
        sub.billing_cycle_anchor, sub.current_period_start = now, now
        sub.current_period_end = period_end(sub, now)
        local invoice = subs.invoice(sub, customer, "subscription_update", now, now, sub.current_period_end)
        subs.collect(invoice, sub, customer, now)
    elseif prorates and behavior == "always_invoice" then
        bill_now(sub, customer, given, now)
    end
end

function subs.update(sub, given)
    local customer = core.find("customer", sub.customer, "customer")
    local now = core.now(customer)
    if sub.status == "canceled" then
        local only = true
        for name in given do
            only = only and core.has({ "metadata", "cancellation_details", "expand" }, name)
        end
        if not only then
            core.invalid("A canceled subscription can only update its cancellation_details and metadata.", nil)
        end
    end
    if given.default_payment_method and given.default_payment_method ~= "" then
        core.find("PaymentMethod", given.default_payment_method, "default_payment_method")
    end
    core.take(sub, given, NAMES)
    if given.collection_method then
        sub.collection_method = given.collection_method
    end
    if given.cancellation_details then
        for name, value in given.cancellation_details do
            sub.cancellation_details[name] = value
        end
    end
    if given.cancel_at_period_end ~= nil then
        sub.cancel_at_period_end = given.cancel_at_period_end
        if given.cancel_at_period_end then
            sub.canceled_at, sub.cancel_at = now, sub.current_period_end
            sub.cancellation_details.reason = "cancellation_requested"
        else
            sub.canceled_at, sub.cancel_at = wt.null, wt.null
            sub.cancellation_details.reason = wt.null
        end
    end
    if given.default_tax_rates ~= nil then
        sub.default_tax_rates = bill.tax_rates(given.default_tax_rates, "default_tax_rates")
    end
    if given.coupon == "" or given.promotion_code == "" then
        sub.discount = wt.null
    end
    sub.discount = discounts.named(given, { customer = customer.id, subscription = sub.id, now = now, amount = total_of(sub) })
        or core.value(sub.discount) or wt.null
    if given.trial_end then
        if given.trial_end == "now" then
            if sub.status == "trialing" then
                subs.renew(sub, customer, now)
            end
        else
            sub.trial_start, sub.trial_end, sub.billing_cycle_anchor = sub.trial_start or now, given.trial_end, given.trial_end
            sub.current_period_end = given.trial_end
            moved(sub, "trialing")
        end
    end
    if given.items then
        subs.change_items(sub, customer, given.items, given, now)
    end
    if given.billing_cycle_anchor == "now" then
        sub.billing_cycle_anchor, sub.current_period_start = now, now
        sub.current_period_end = period_end(sub, now)
        local invoice = subs.invoice(sub, customer, "subscription_update", now, now, sub.current_period_end)
        subs.collect(invoice, sub, customer, now)
    end
    return keep(sub)
end

-- Time

-- Finalises an invoice and has it paid, if it is to be charged.
function subs.collect(invoice, sub, customer, now)
    if invoice.status == "draft" then
        bill.finalize(invoice, now)
    end
    if invoice.status == "open" and sub.collection_method == "charge_automatically" then
        local method = bill.method_of(invoice, customer, sub)
        if method then
            bill.attempt(invoice, method, { off_session = true }, now)
        else
            invoice.attempt_count += 1
            invoice.attempted = true
            pay.failed(invoice)
            core.keep("invoice", invoice)
        end
    end
    if invoice.status == "paid" then
        if sub.status ~= "canceled" then moved(sub, "active") end
    elseif sub.collection_method == "charge_automatically" then
        if not invoice.next_payment_attempt and invoice.attempt_count > 1 then
            subs.cancel(sub, now, "payment_failed")
        else
            moved(sub, "past_due")
        end
    end
    keep(sub)
end

-- A trial that ends with nothing to pay with may have been told to end all of it.
local function ends_trial(sub, customer, now)
    local settings = core.value(sub.trial_settings)
    local how = settings and settings.end_behavior and settings.end_behavior.missing_payment_method
    if bill.method_of({}, customer, sub) or (how ~= "pause" and how ~= "cancel") then
        return false
    end
    if how == "cancel" then
        subs.cancel(sub, now, "cancellation_requested")
    else
        moved(sub, "paused")
        keep(sub)
    end
    return true
end

-- Begins the next period with an invoice that is finalised an hour later.
function subs.renew(sub, customer, now)
    local over = sub.current_period_start
    if sub.status == "trialing" then
        if ends_trial(sub, customer, now) then
            return
        end
        sub.billing_cycle_anchor = now
        if sub.trial_end and sub.trial_end > now then
            sub.trial_end = now
        end
        moved(sub, "active")
    end
    sub.current_period_start = now
    sub.current_period_end = period_end(sub, now)
    keep(sub)
    local invoice = subs.invoice(sub, customer, "subscription_cycle", now, now, sub.current_period_end, nil, over)
    invoice.next_payment_attempt = now + HOUR
    core.keep("invoice", invoice)
    keep(sub)
end

-- What becomes of an invoice while nothing is to be collected.
local function hold(invoice, how, now)
    invoice.next_payment_attempt = wt.null
    if how == "keep_as_draft" then
        invoice.auto_advance = false
        core.keep("invoice", invoice)
        return
    end
    bill.finalize(invoice, now)
    if invoice.status == "open" then
        local is_void = how == "void"
        bill.give_up(invoice, if is_void then "void" else "uncollectible", if is_void then "voided_at" else "marked_uncollectible_at", now)
    end
end

-- Takes a paused subscription up again: a new period begins, and is paid.
function subs.resume(sub, customer, given, now)
    moved(sub, "active")
    sub.billing_cycle_anchor = if given.billing_cycle_anchor == "unchanged" then sub.billing_cycle_anchor else now
    sub.current_period_start, sub.current_period_end = now, period_end(sub, now)
    keep(sub)
    local invoice = subs.invoice(sub, customer, "subscription_cycle", now, now, sub.current_period_end)
    subs.collect(invoice, sub, customer, now)
end

-- Schedules are written on top of subscriptions and are asked here when one is due.
local schedules = {}
function subs.scheduled_by(own) schedules = own end

-- The next thing to happen to a subscription: what, and when.
local function next_of(sub)
    local what, at = nil, math.huge
    local function consider(name, time)
        time = core.value(time)
        if time and time < at then
            what, at = name, time
        end
    end
    if core.has({ "canceled", "incomplete_expired", "paused" }, sub.status) then
        return nil
    end
    if sub.schedule and not schedules.next_of then
        wt.import("schedules")
    end
    local phase = sub.schedule and schedules.next_of(sub)
    if phase then
        consider("phase", phase)
    end
    if sub.status == "trialing" and sub.told ~= "trial_will_end" then
        consider("warn", sub.trial_end - 3 * DAY)
    end
    if sub.status == "incomplete" then
        return "expire", sub.created + 23 * HOUR
    end
    consider("cancel", sub.cancel_at)
    if sub.cancel_at_period_end then
        consider("cancel", sub.current_period_end)
    end
    consider("renew", sub.current_period_end)
    local invoice = sub.latest_invoice and core.peek("invoice", sub.latest_invoice)
    if invoice and core.has({ "draft", "open" }, invoice.status) then
        consider("collect", invoice.next_payment_attempt)
    end
    return what, at, invoice
end

local function expire(sub, at)
    moved(sub, "incomplete_expired")
    sub.ended_at = at
    local open = core.peek("invoice", sub.latest_invoice)
    if open and open.status == "open" then
        bill.give_up(open, "void", "voided_at")
    end
    keep(sub)
end

local function collect_due(invoice, sub, customer, at)
    local pause = core.value(sub.pause_collection)
    if pause and invoice.status == "draft" then
        hold(invoice, pause.behavior, at)
    else
        subs.collect(invoice, sub, customer, at)
    end
    if invoice.status == "open" and invoice.next_payment_attempt and invoice.next_payment_attempt <= at then
        invoice.next_payment_attempt = wt.null
        core.keep("invoice", invoice)
    end
end

-- Has the next thing happen to a subscription if it does until a time; whether there was one.
local function step(sub, customer, till)
    local what, at, invoice = next_of(sub)
    if not what or at > till then
        return false
    end
    core.at = at
    if what == "cancel" then
        subs.cancel(sub, at, "cancellation_requested")
    elseif what == "expire" then
        expire(sub, at)
    elseif what == "phase" then
        schedules.turn(sub, customer, at)
    elseif what == "warn" then
        sub.told = "trial_will_end"
        keep(sub)
    elseif what == "renew" then
        subs.renew(sub, customer, at)
    else
        collect_due(invoice, sub, customer, at)
    end
    core.at = nil
    return true
end

-- Has a subscription go on by itself when the next thing is due, on the twin's own clock. Those of a test clock wait for it.
function subs.watch(sub)
    local _, at = next_of(sub)
    if sub.test_clock or not at or at == math.huge or sub.watched == at then
        return
    end
    sub.watched = at
    keep(sub)
    clock.after(math.max(at - clock.now(), 0), "tick", { subscription = sub.id, account = core.account() or core.of })
end

-- Has happen what is due of one subscription, as much as one call can; the rest at the next one.
function subs.tick(sub, customer)
    local now = math.floor(clock.now())
    for _ = 1, 2 do
        if not step(sub, customer, now) then
            break
        end
        sub = core.find("subscription", sub.id)
        customer = core.find("customer", sub.customer)
    end
    sub.watched = nil
    subs.watch(sub)
end

-- One call of a handler has time for so many steps of subscriptions, or looks at so many.
local STEPS, LOOKS = 2, 30

-- Drafts of no subscription are finalised an hour after they were made, and charged.
local function advance_drafts(test_clock, till)
    for _, invoice in state.query(core.places.invoice, "status", "draft") do
        local due = invoice.created + HOUR
        if invoice.auto_advance and not invoice.subscription and invoice.test_clock == test_clock and due <= till then
            core.at = due
            bill.finalize(invoice, due)
            local customer = core.peek("customer", invoice.customer)
            local method = customer and bill.method_of(invoice, customer)
            if invoice.status == "open" and invoice.collection_method == "charge_automatically" and method then
                bill.attempt(invoice, method, { off_session = true }, due)
            end
            core.at = nil
        end
    end
end

-- Has happen what does until a time to the subscriptions of a test clock, or of none, as far as one call can: where to go
-- on, or nil at the end.
function subs.pass(test_clock, till, from)
    if from == 0 then
        advance_drafts(test_clock, till)
        schedules.start(test_clock, till)
    end
    local steps = 0
    local some = state.query(core.places.subscription, "test_clock", test_clock or wt.null, LOOKS, from)
    for index, sub in some do
        local customer = core.peek("customer", sub.customer)
        while customer and step(sub, customer, till) do
            steps += 1
            if steps == STEPS then
                return from + index - 1
            end
            sub = core.find("subscription", sub.id)
            customer = core.peek("customer", sub.customer)
        end
    end
    return if #some == LOOKS then from + LOOKS else nil
end

-- Ends a subscription as a request asks for it: what was used is billed, what was not is given back.
function subs.stop(sub, customer, given, query)
    local now = core.now(customer)
    local function asked(name) return given[name] == true or query[name] == "true" end
    if asked("prorate") and sub.status == "active" then
        for _, item in sub.items.data do
            prorate(sub, customer, item, nil, now)
        end
    end
    subs.cancel(sub, now, "cancellation_requested", given.cancellation_details)
    if asked("invoice_now") then
        bill_now(sub, customer, given, now)
        moved(sub, "canceled")
        keep(sub)
    end
end

subs.lines_of, subs.period_end = lines_of, period_end

return subs

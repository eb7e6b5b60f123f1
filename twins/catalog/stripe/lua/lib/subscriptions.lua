-- Subscriptions: how they begin, renew, change and end.

local core = wt.import("core")
local cards = wt.import("cards")
local pay = wt.import("pay")
local bill = wt.import("bill")
local subs = {}

local HOUR, DAY = bill.HOUR, bill.DAY

local function keep(sub) return core.keep("subscription", sub) end

local function list_items(sub, items)
    sub.items = core.list("/v1/subscription_items?subscription=" .. sub.id, items)
    sub.items.total_count = #items
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
        quantity = given.quantity or 1,
        subscription = sub.id,
        tax_rates = wt.array(),
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

local function lines_of(sub, from, to, note)
    local lines = wt.array()
    for _, item in sub.items.data do
        table.insert(lines, bill.item_line(item, from, to, note))
    end
    return lines
end

function subs.invoice(sub, customer, reason, now, from, to, note)
    local ends = core.value(sub.discount) and core.value(sub.discount["end"])
    if ends and ends <= now then
        sub.discount = wt.null
        keep(sub)
    end
    local once = core.value(sub.discount) and sub.discount.coupon.duration == "once" and reason ~= "subscription_create"
    local invoice = bill.new_invoice(customer, {
        auto_advance = true,
        billing_reason = reason,
        collection_method = sub.collection_method,
        currency = sub.currency,
        days_until_due = sub.days_until_due,
        default_payment_method = sub.default_payment_method or wt.null,
        default_tax_rates = sub.default_tax_rates or wt.array(),
        description = sub.description or wt.null,
        discount = if once then wt.null else core.value(sub.discount) or customer.discount or wt.null,
        lines = lines_of(sub, from, to, note),
        metadata = {},
        period_start = from,
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
        total += (item.price.unit_amount or 0) * (item.quantity or 1)
    end
    return total
end

local NAMES = { "description", "default_payment_method", "days_until_due", "cancel_at", "automatic_tax", "transfer_data",
    "application_fee_percent", "payment_settings", "pause_collection", "on_behalf_of", "trial_settings", "billing_thresholds",
    "pending_invoice_item_interval" }

local function tax_rates(given)
    local rates = wt.array()
    for _, id in if type(given) == "table" then given else {} do
        local rate = state.get("/v1/tax_rates", id)
        if not rate then
            core.invalid("No such tax rate: '" .. id .. "'", "default_tax_rates", "resource_missing")
        end
        table.insert(rates, wt.show("/v1/tax_rates", id))
    end
    return rates
end

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
        default_tax_rates = tax_rates(given.default_tax_rates), latest_invoice = wt.null,
    })
    core.take(sub, given, NAMES)
    local items = wt.array()
    for _, one in given.items do
        table.insert(items, new_item(sub, one, now))
    end
    list_items(sub, items)
    sub.currency = given.currency or items[1].price.currency
    local coupon, code = bill.coupon_of(given)
    if coupon then
        sub.discount = bill.redeem(coupon, code, customer.id, sub.id, now)
    end
    subs.begin(sub, customer, given, now)
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
        check_method(sub, customer, total_of(sub))
    end
    keep(sub)
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
    if sub.status == "incomplete" then
        sub.told = "incomplete"
    end
    keep(sub)
end

-- What the payment of one of its invoices does to a subscription.
function subs.paid(invoice)
    local sub = invoice.subscription and core.peek("subscription", invoice.subscription)
    if sub and core.has({ "incomplete", "past_due", "unpaid" }, sub.status) then
        moved(sub, "active")
        keep(sub)
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

-- Money back for what is left of the period, and the rest of it at the new price.
local function prorate(sub, customer, old, new, now)
    local whole = sub.current_period_end - sub.current_period_start
    local share = math.clamp((sub.current_period_end - now) / math.max(whole, 1), 0, 1)
    local function item(amount, price, quantity, text)
        if amount == 0 then
            return
        end
        local product = state.get(core.places.product, price.product)
        core.make("invoiceitem", { amount = amount, currency = sub.currency, customer = customer.id, date = now,
            description = text .. " " .. quantity .. " × " .. (product and product.name or "Subscription"), discountable = false,
            invoice = wt.null, livemode = false, metadata = {}, period = { start = now, ["end"] = sub.current_period_end },
            price = price, proration = true, quantity = quantity, subscription = sub.id,
            unit_amount = price.unit_amount or wt.null, test_clock = customer.test_clock or wt.null })
    end
    if old then
        item(-math.floor((old.price.unit_amount or 0) * (old.quantity or 1) * share + 0.5), old.price, old.quantity or 1, "Unused time on")
    end
    if new then
        item(math.floor((new.price.unit_amount or 0) * (new.quantity or 1) * share + 0.5), new.price, new.quantity or 1, "Remaining time on")
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
            if one.price or one.price_data or one.plan then
                item.price = bill.shown(bill.price_of(one))
                item.plan = subs.plan(item.price)
            end
            item.quantity = one.quantity or item.quantity
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
        sub.default_tax_rates = tax_rates(given.default_tax_rates)
    end
    if given.coupon == "" or given.promotion_code == "" then
        sub.discount = wt.null
    end
    local coupon, code = bill.coupon_of(given)
    if coupon then
        sub.discount = bill.redeem(coupon, code, customer.id, sub.id, now)
    end
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

-- Begins the next period with an invoice that is finalised an hour later.
function subs.renew(sub, customer, now)
    local was_trial = sub.status == "trialing"
    sub.current_period_start = now
    if was_trial then
        sub.billing_cycle_anchor = now
        if sub.trial_end and sub.trial_end > now then
            sub.trial_end = now
        end
        moved(sub, "active")
    end
    sub.current_period_end = period_end(sub, now)
    keep(sub)
    local invoice = subs.invoice(sub, customer, "subscription_cycle", now, now, sub.current_period_end)
    invoice.next_payment_attempt = now + HOUR
    core.keep("invoice", invoice)
    keep(sub)
end

-- The next thing to happen to a subscription: what, and when.
local function next_of(sub)
    local what, at = nil, math.huge
    local function consider(name, time)
        time = core.value(time)
        if time and time < at then
            what, at = name, time
        end
    end
    if sub.status == "canceled" or sub.status == "incomplete_expired" then
        return nil
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

-- Has everything happen to a subscription that does until a time.
function subs.advance(sub, customer, till)
    for _ = 1, 120 do
        local what, at, invoice = next_of(sub)
        if not what or at > till then
            return
        end
        if what == "cancel" then
            subs.cancel(sub, at, "cancellation_requested")
        elseif what == "expire" then
            moved(sub, "incomplete_expired")
            sub.ended_at = at
            local open = core.peek("invoice", sub.latest_invoice)
            if open and open.status == "open" then
                open.status, open.told = "void", "void"
                open.status_transitions.voided_at = at
                core.keep("invoice", open)
            end
            keep(sub)
        elseif what == "renew" then
            if sub.pause_collection then
                sub.current_period_start = at
                sub.current_period_end = period_end(sub, at)
                keep(sub)
            else
                subs.renew(sub, customer, at)
            end
        else
            subs.collect(invoice, sub, customer, at)
            if invoice.status == "open" and invoice.next_payment_attempt and invoice.next_payment_attempt <= at then
                invoice.next_payment_attempt = wt.null
                core.keep("invoice", invoice)
            end
        end
        sub = core.find("subscription", sub.id)
    end
end

-- Has everything happen that does until a time to the subscriptions of a test clock, or of none.
function subs.pass(test_clock, till)
    for _, sub in state.list(core.places.subscription) do
        if sub.test_clock == test_clock then
            local customer = core.peek("customer", sub.customer)
            if customer then
                subs.advance(sub, customer, till)
            end
        end
    end
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

-- The invoice that comes next, of a subscription or of the items that wait.
function subs.upcoming(customer, sub)
    if not sub then
        for _, one in state.query(core.places.subscription, "customer", customer.id) do
            sub = if one.status ~= "canceled" then one else sub
        end
    end
    local lines = wt.array()
    if sub and sub.status ~= "canceled" and not sub.cancel_at_period_end then
        lines = lines_of(sub, sub.current_period_end, period_end(sub, sub.current_period_end))
    end
    for _, item in state.query(core.places.invoiceitem, "customer", customer.id) do
        if not item.invoice then
            table.insert(lines, bill.invoice_item_line(item))
        end
    end
    if #lines == 0 then
        core.fail(404, { message = "No upcoming invoices for customer: " .. customer.id, code = "invoice_upcoming_none" })
    end
    local invoice = {
        object = "invoice", amount_paid = 0, attempt_count = 0, attempted = false, billing_reason = "upcoming",
        collection_method = if sub then sub.collection_method else "charge_automatically", created = core.now(customer),
        currency = lines[1].currency, customer = customer.id, customer_email = customer.email or wt.null,
        discount = sub and sub.discount or customer.discount or wt.null, lines = core.list("/v1/invoices/upcoming/lines", lines),
        livemode = false, metadata = {}, paid = false, status = "draft", subscription = if sub then sub.id else wt.null,
        next_payment_attempt = if sub then sub.current_period_end + HOUR else wt.null,
        period_start = if sub then sub.current_period_start else core.now(customer),
        period_end = if sub then sub.current_period_end else core.now(customer),
    }
    return bill.sum(invoice, customer)
end

subs.tax_rates = tax_rates

return subs

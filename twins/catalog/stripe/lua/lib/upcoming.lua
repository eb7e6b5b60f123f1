-- The invoice that comes next, as it stands or as it would be with other items and discounts. Nothing is kept.
-- Source: Stripe's public reference of upcoming invoices.

local core = wt.import("core")
local bill = wt.import("bill")
local subs = wt.import("subscriptions")
local prices = wt.import("prices")
local discounts = wt.import("discounts")
local upcoming = {}

-- The subscription that is billed next, where a request names none.
local function latest_of(customer)
    local found
    for _, one in state.query(core.places.subscription, "customer", customer.id) do
        found = if one.status ~= "canceled" and one.status ~= "incomplete_expired" then one else found
    end
    return found
end

local function new_item(sub, one)
    local price = bill.price_of(one)
    if not core.value(price.recurring) then
        core.invalid("The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
            "subscription_items[0][price]")
    end
    return { id = "si_preview", price = bill.shown(price), quantity = tonumber(one.quantity) or 1, subscription = sub.id,
        tax_rates = bill.tax_rates(one.tax_rates, "subscription_items[0][tax_rates]") }
end

-- The items there would be, and what the change would bill or give back for the rest of the period.
local function changed(sub, customer, wanted, at, prorates)
    local items, extra = {}, {}
    for index, item in sub.items.data do
        items[index] = item
    end
    for _, one in wanted do
        local place, old = #items + 1, nil
        for index, item in items do
            if one.id and item.id == one.id then
                place, old = index, item
            end
        end
        if one.id and not old then
            core.find("subscription_item", nil, "subscription_items[0][id]")
        end
        local new = if old then table.clone(old) else new_item(sub, one)
        if one.deleted == "true" then
            table.remove(items, place)
            new = nil
        else
            if old then subs.change_item(new, one) end
            items[place] = new
        end
        local same = old and new and old.price.id == new.price.id and old.quantity == new.quantity
        for _, fields in if prorates and not same then subs.prorations(sub, customer, old, new, at) else {} do
            table.insert(extra, fields)
        end
    end
    return items, extra
end

-- A subscription that is not there yet, of the items a request names.
local function imagined(customer, asked, now)
    local sub = { current_period_start = now, current_period_end = now, billing_cycle_anchor = now, collection_method = "charge_automatically",
        items = { data = {} }, status = "new" }
    sub.items.data = changed(sub, customer, asked.subscription_items, now, false)
    sub.currency = sub.items.data[1].price.currency
    return sub
end

-- The lines of the subscription in the period that would be billed.
local function next_lines(sub, items, asked, now)
    local stops = asked.subscription_cancel_now == "true" or asked.subscription_cancel_at_period_end == "true"
        or (sub.cancel_at_period_end and asked.subscription_cancel_at_period_end ~= "false")
    if stops or #items == 0 then
        return wt.array()
    end
    local old = sub.items.data[1].price.recurring
    local new = items[1].price.recurring
    local begins = sub.status == "new" or asked.subscription_billing_cycle_anchor == "now" or old.interval ~= new.interval
        or old.interval_count ~= new.interval_count
    if asked.subscription_proration_behavior == "always_invoice" and not begins then
        return wt.array()
    end
    local shown = table.clone(sub)
    shown.items = { data = items }
    local from = if begins then now else sub.current_period_end
    shown.billing_cycle_anchor = if begins then now else sub.billing_cycle_anchor
    return subs.lines_of(shown, from, subs.period_end(shown, from), nil, if begins then nil else sub.current_period_start)
end

-- Items a request would like to see on it that were never made.
local function asked_items(asked, currency)
    local lines = {}
    for _, one in asked.invoice_items or {} do
        local price = if one.price or one.price_data then bill.price_of(one) else nil
        local quantity = tonumber(one.quantity) or 1
        local amount = tonumber(one.amount) or (price and prices.amount(price, quantity)) or (tonumber(one.unit_amount) or 0) * quantity
        table.insert(lines, { amount = amount, currency = one.currency or currency, description = one.description, quantity = quantity,
            price = price and bill.shown(price), tax_rates = bill.tax_rates(one.tax_rates, "invoice_items[0][tax_rates]"), metadata = one.metadata })
    end
    return lines
end

local function add_waiting(lines, customer, sub)
    for _, item in state.query(core.places.invoiceitem, "customer", customer.id) do
        if not item.invoice and (not item.subscription or (sub and item.subscription == sub.id)) then
            table.insert(lines, bill.invoice_item_line(item))
        end
    end
end

local function lines_of(customer, sub, asked, now)
    local lines, items = wt.array(), {}
    add_waiting(lines, customer, sub)
    if sub then
        local at = tonumber(asked.subscription_proration_date) or now
        local prorates = asked.subscription_proration_behavior ~= "none" and core.has({ "active", "past_due" }, sub.status)
        local extra = {}
        items, extra = sub.items.data, {}
        if asked.subscription_items and sub.status ~= "new" then
            items, extra = changed(sub, customer, asked.subscription_items, at, prorates)
        elseif asked.subscription_cancel_now == "true" and prorates then
            for _, item in items do
                table.move(subs.prorations(sub, customer, item, nil, at), 1, 1, #extra + 1, extra)
            end
        end
        for _, fields in extra do
            table.insert(lines, bill.invoice_item_line(fields))
        end
    end
    for _, fields in asked_items(asked, sub and sub.currency or customer.currency or "usd") do
        table.insert(lines, bill.invoice_item_line(fields))
    end
    for _, line in if sub then next_lines(sub, items, asked, now) else {} do
        table.insert(lines, line)
    end
    return lines
end

-- `asked`: the query, with what stands in brackets within each other.
function upcoming.draw(asked)
    local sub = asked.subscription and core.find("subscription", asked.subscription, "subscription")
    if not asked.customer and not sub then
        core.missing("customer")
    end
    local customer = core.find("customer", asked.customer or sub.customer, "customer")
    local now = core.now(customer)
    if not sub then
        sub = if asked.subscription_items then imagined(customer, asked, now) else latest_of(customer)
    end
    if sub and sub.status == "canceled" then
        sub = nil
    end
    local lines = lines_of(customer, sub, asked, now)
    if #lines == 0 then
        core.fail(404, { message = "No upcoming invoices for customer: " .. customer.id, code = "invoice_upcoming_none" })
    end
    local use = { customer = customer.id, now = now }
    local off = discounts.listed(asked.discounts or (asked.coupon and { { coupon = asked.coupon } }), use, true)
    local last = if sub then sub.current_period_end else now
    local invoice = {
        object = "invoice", amount_paid = 0, attempt_count = 0, attempted = false, billing_reason = "upcoming",
        collection_method = if sub then sub.collection_method else "charge_automatically", created = last,
        currency = lines[1].currency, customer = customer.id, customer_email = customer.email or wt.null,
        default_tax_rates = sub and sub.default_tax_rates, off = off,
        discount = if off then off[1] or wt.null else sub and sub.discount or customer.discount or wt.null,
        lines = core.list("/v1/invoices/upcoming/lines", lines), livemode = false, metadata = {}, paid = false, status = "draft",
        subscription = sub and sub.id or wt.null, next_payment_attempt = if sub then last + bill.HOUR else wt.null,
        period_start = if sub then sub.current_period_start else now, period_end = last,
        subscription_proration_date = tonumber(asked.subscription_proration_date),
    }
    bill.sum(invoice, customer)
    for _, line in lines do
        line.off = nil
    end
    invoice.off = nil
    return invoice
end

return upcoming

-- Checkout sessions: what a customer is asked to pay.

local core = wt.import("core")
local bill = wt.import("bill")
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
        local amount = (price.unit_amount or 0) * quantity
        subtotal += amount
        table.insert(items, { id = "li_" .. core.word("item:" .. tostring(state.counter("checkout items")), 24), object = "item",
            amount_discount = 0, amount_subtotal = amount, amount_tax = 0, amount_total = amount, currency = currency,
            description = product and product.name or "", price = bill.shown(price), quantity = quantity })
    end
    return items, subtotal, currency
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
    local session = core.make("checkout.session", {
        amount_subtotal = if mode == "setup" then wt.null else subtotal, amount_total = if mode == "setup" then wt.null else subtotal,
        automatic_tax = { enabled = false, status = wt.null }, created = now, currency = currency or wt.null,
        customer_creation = if mode == "payment" and not customer then given.customer_creation or "if_required" else wt.null,
        expires_at = given.expires_at or now + 86400, items = items, livemode = false, mode = mode,
        payment_method_types = wt.array(given.payment_method_types or { "card" }), payment_intent = wt.null,
        payment_status = if mode == "setup" then "no_payment_required" else "unpaid", setup_intent = wt.null, status = "open",
        told = "open", subscription = wt.null, invoice = wt.null,
        total_details = { amount_discount = 0, amount_shipping = 0, amount_tax = 0 },
    })
    core.take(session, given, { "allow_promotion_codes", "billing_address_collection", "cancel_url", "client_reference_id", "customer",
        "customer_email", "locale", "submit_type", "success_url" })
    session.url = "https://checkout.stripe.com/c/pay/" .. session.id
    return core.keep("checkout.session", session)
end

return checkout

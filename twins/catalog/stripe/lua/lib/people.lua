-- Customers and what they pay with.

local core = wt.import("core")
local cards = wt.import("cards")
local discounts = wt.import("discounts")
local people = {}

local function sources_of(customer) return "/v1/customers/" .. customer.id .. "/sources" end

-- Keeps a card of a customer as a source; it pays like a payment method of the same id.
function people.add_card(customer, source)
    local details, number = cards.details(if type(source) == "table" then source else { token = source })
    local id = "card_" .. core.word("source:" .. customer.id .. state.counter("sources"), 24)
    local card = {
        id = id, object = "card", address_zip_check = wt.null, brand = cards.named(details.brand), country = details.country,
        customer = customer.id, cvc_check = if details.checks.cvc_check == "pass" then "pass" else wt.null,
        dynamic_last4 = wt.null, exp_month = details.exp_month, exp_year = details.exp_year, fingerprint = details.fingerprint,
        funding = details.funding, last4 = details.last4, metadata = {}, name = wt.null, tokenization_method = wt.null,
    }
    local method = { id = id, type = "card", card = details, number = number, customer = customer.id, livemode = false,
        created = math.floor(clock.now()), metadata = {}, told = "source" }
    cards.attach(method, customer)
    state.put(sources_of(customer), id, card)
    if not customer.default_source then
        customer.default_source = id
    end
    return card
end

-- Takes over from a request how a customer pays, and what it is granted.
function people.settle(customer, given)
    if given.source and given.source ~= "" then
        customer.default_source = people.add_card(customer, given.source).id
    end
    if given.default_source then
        if not state.get(sources_of(customer), given.default_source) then
            core.find("source", nil, "default_source")
        end
        customer.default_source = given.default_source
    end
    local named, made = given.payment_method, nil
    if named then
        made = cards.attach(cards.method(named), customer)
    end
    local settings = given.invoice_settings
    if settings then
        -- `pm_card_visa` twice is one card.
        if made and settings.default_payment_method == named then
            settings.default_payment_method = made.id
        end
        if settings.default_payment_method and settings.default_payment_method ~= "" then
            local method = core.find("PaymentMethod", settings.default_payment_method, "invoice_settings[default_payment_method]")
            if method.customer ~= customer.id then
                core.invalid("The customer does not have a payment method with the ID " .. method.id
                    .. ". The payment method must be attached to the customer.", "invoice_settings[default_payment_method]", "resource_missing")
            end
        end
        local kept = customer.invoice_settings or {}
        for name, value in settings do
            kept[name] = if value == "" then wt.null else value
        end
        customer.invoice_settings = kept
    end
    if given.coupon == "" then
        customer.discount = wt.null
    end
    customer.discount = discounts.named(given, { customer = customer.id, now = core.now(customer) }) or core.value(customer.discount) or wt.null
end

-- What pays a charge, and the source that is shown on it.
function people.payer(customer, source)
    local id = source or (customer and customer.default_source)
    if not id then
        if customer then
            core.fail(402, { type = "card_error", code = "missing", message = "Cannot charge a customer that has no active card",
                param = "card" })
        end
        core.invalid("Must provide source or customer.", nil, "parameter_missing")
    end
    local kept = customer and state.get(sources_of(customer), id)
    if kept then
        return core.find("PaymentMethod", id, "source"), wt.show(sources_of(customer), id)
    end
    if customer and source then
        core.invalid("Customer " .. customer.id .. " does not have a linked source with ID " .. id .. ".", "source", "missing")
    end
    local method = cards.payment_method({ type = "card", card = { token = id } })
    local card = method.card
    return method, { id = "card_" .. string.sub(method.id, 4), object = "card", brand = cards.named(card.brand), country = card.country,
        customer = wt.null, cvc_check = "pass", exp_month = card.exp_month, exp_year = card.exp_year, fingerprint = card.fingerprint,
        funding = card.funding, last4 = card.last4, metadata = {} }
end

return people

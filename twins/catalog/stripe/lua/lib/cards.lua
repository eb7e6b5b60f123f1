-- Cards Stripe publishes for tests: what they look like and how they behave.
-- Source: Stripe's public documentation, "Testing".

local core = wt.import("core")
local cards = {}

local BRANDS = {
    visa = { network = "visa", length = 16 },
    mastercard = { network = "mastercard", length = 16 },
    amex = { network = "amex", length = 15 },
    discover = { network = "discover", length = 16 },
    diners = { network = "diners", length = 14 },
    jcb = { network = "jcb", length = 16 },
    unionpay = { network = "unionpay", length = 16 },
}

-- By the name that stands in `pm_card_NAME` and `tok_NAME`: the number.
local NAMES = {
    visa = "4242424242424242",
    visa_debit = "4000056655665556",
    mastercard = "5555555555554444",
    mastercard_debit = "5200828282828210",
    mastercard_prepaid = "5105105105105100",
    amex = "378282246310005",
    discover = "6011111111111117",
    diners = "3056930009020004",
    jcb = "3566002020360505",
    unionpay = "6200000000000005",
    us = "4242424242424242",
    gb = "4000008260000000",
    de = "4000002760000016",
    fr = "4000002500000003",
    ca = "4000001240000000",
    br = "4000000760000002",
    visa_cartesBancaires = "4000002500001001",
    avsFail = "4000000000000010",
    cvcCheckFail = "4000000000000101",
    radarBlock = "4100000000000019",
    chargeDeclined = "4000000000000002",
    visa_chargeDeclined = "4000000000000002",
    chargeDeclinedInsufficientFunds = "4000000000009995",
    visa_chargeDeclinedInsufficientFunds = "4000000000009995",
    visa_chargeDeclinedLostCard = "4000000000009987",
    visa_chargeDeclinedStolenCard = "4000000000009979",
    chargeDeclinedExpiredCard = "4000000000000069",
    chargeDeclinedIncorrectCvc = "4000000000000127",
    chargeDeclinedProcessingError = "4000000000000119",
    chargeDeclinedFraudulent = "4100000000000019",
    chargeDeclinedVelocityLimitExceeded = "4000000000006975",
    visa_chargeDeclinedVelocityLimitExceeded = "4000000000006975",
    chargeCustomerFail = "4000000000000341",
    createDispute = "4000000000000259",
    createDisputeProductNotReceived = "4000000000002685",
    createDisputeInquiry = "4000000000001976",
    bypassPending = "4000000000000077",
    pendingRefund = "4000000000007726",
    refundFail = "4000000000005126",
    riskLevelHighest = "4100000000000019",
    riskLevelElevated = "4000000000009235",
    authenticationRequired = "4000002760003184",
    authenticationRequiredOnSetup = "4000002500003155",
    authenticationRequiredSetupForOffSession = "4000003800000446",
    authenticationRequiredChargeDeclinedInsufficientFunds = "4000008260003178",
    threeDSecureRequired = "4000000000003220",
    threeDSecure2Required = "4000000000003220",
    threeDSecureRequiredChargeDeclined = "4000008400001629",
    threeDSecureOptional = "4000000000003055",
}

local FUNDING = {
    ["4000056655665556"] = "debit",
    ["5200828282828210"] = "debit",
    ["5105105105105100"] = "prepaid",
}
local COUNTRIES = {
    ["4000008260000000"] = "GB", ["4000002760000016"] = "DE", ["4000002500000003"] = "FR", ["4000001240000000"] = "CA",
    ["4000000760000002"] = "BR", ["4000002500001001"] = "FR",
    ["3566002020360505"] = "JP", ["6200000000000005"] = "CN", ["4000002760003184"] = "DE", ["4000002500003155"] = "FR",
    ["4000003800000446"] = "IT", ["4000008260003178"] = "GB", ["4000008400001629"] = "US",
}

local DECLINES = {
    ["4000000000000002"] = "generic_decline",
    ["4000000000009995"] = "insufficient_funds",
    ["4000000000009987"] = "lost_card",
    ["4000000000009979"] = "stolen_card",
    ["4000000000000069"] = "expired_card",
    ["4000000000000127"] = "incorrect_cvc",
    ["4000000000000119"] = "processing_error",
    ["4000000000006975"] = "card_velocity_exceeded",
    ["4100000000000019"] = "fraudulent",
    ["4000000000000341"] = "generic_decline",
    ["4000008260003178"] = "insufficient_funds",
    ["4000008400001629"] = "generic_decline",
}
-- Declined already when it is attached to a customer; the others of these only when it is charged.
local ATTACHES = { ["4000000000000341"] = true, ["4000008260003178"] = true, ["4000008400001629"] = true }

-- `always`: every payment asks for authentication; `unset`: until it was set up for later payments.
local AUTHENTICATES = {
    ["4000002760003184"] = "always",
    ["4000002500003155"] = "unset",
    ["4000000000003220"] = "always",
    ["4000008260003178"] = "always",
    ["4000008400001629"] = "always",
}
local DISPUTES = {
    ["4000000000000259"] = { reason = "fraudulent", status = "needs_response", network = "10.4" },
    ["4000000000002685"] = { reason = "product_not_received", status = "needs_response", network = "13.1" },
    ["4000000000001976"] = { reason = "fraudulent", status = "warning_needs_response", network = "10.4" },
}
local AT_ONCE = { ["4000000000000077"] = true, ["4000003720000278"] = true }
local REFUNDS = { ["4000000000007726"] = "pending", ["4000000000005126"] = "failed" }

local MESSAGES = {
    insufficient_funds = "Your card has insufficient funds.",
    expired_card = "Your card has expired.",
    incorrect_cvc = "Your card's security code is incorrect.",
    processing_error = "An error occurred while processing your card. Try again in a little bit.",
    card_velocity_exceeded = "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    authentication_required = "Your card was declined. This transaction requires authentication.",
}
local OWN_CODES = { expired_card = true, incorrect_cvc = true, processing_error = true }

-- The error of a declined card.
function cards.decline(word)
    local code = if OWN_CODES[word] then word elseif word == "authentication_required" then word else "card_declined"
    local param = if word == "incorrect_cvc" then "cvc" elseif word == "expired_card" then "exp_month" else nil
    return {
        type = "card_error",
        code = code,
        decline_code = if OWN_CODES[word] and word ~= "expired_card" and word ~= "incorrect_cvc" then nil else word,
        message = MESSAGES[word] or "Your card was declined.",
        param = param,
        doc_url = "https://stripe.com/docs/error-codes/" .. string.gsub(code, "_", "-"),
    }
end

local function brand_of(number)
    local two, four = tonumber(string.sub(number, 1, 2)) or 0, tonumber(string.sub(number, 1, 4)) or 0
    if string.sub(number, 1, 1) == "4" then
        return "visa"
    elseif (two >= 51 and two <= 55) or (four >= 2221 and four <= 2720) then
        return "mastercard"
    elseif two == 34 or two == 37 then
        return "amex"
    elseif two == 60 or two == 64 or two == 65 then
        return "discover"
    elseif two == 30 or two == 36 or two == 38 then
        return "diners"
    elseif two == 35 then
        return "jcb"
    elseif two == 62 then
        return "unionpay"
    end
    return "unknown"
end

local SHOWN = { visa = "Visa", mastercard = "MasterCard", amex = "American Express", discover = "Discover", diners = "Diners Club",
    jcb = "JCB", unionpay = "UnionPay" }

-- A brand as cards kept as sources have it.
function cards.named(brand) return SHOWN[brand] or "Unknown" end

local function luhn(number)
    local sum, double = 0, false
    for index = #number, 1, -1 do
        local digit = tonumber(string.sub(number, index, index))
        if not digit then
            return false
        end
        if double then
            digit = if digit > 4 then digit * 2 - 9 else digit * 2
        end
        sum, double = sum + digit, not double
    end
    return #number >= 12 and sum % 10 == 0
end

local function refuse(code, message, param)
    core.fail(402, { type = "card_error", code = code, message = message, param = param })
end

-- Checks what was typed, as Stripe does before anything is charged.
local function check(given)
    local number = string.gsub(tostring(given.number or ""), "[ -]", "")
    if not luhn(number) then
        refuse("incorrect_number", "Your card number is incorrect.", "number")
    end
    local month, year = tonumber(given.exp_month), tonumber(given.exp_year)
    if not month or month < 1 or month > 12 then
        refuse("invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month")
    end
    if not year then
        refuse("invalid_expiry_year", "Your card's expiration year is invalid.", "exp_year")
    end
    if year < 100 then
        year += 2000
    end
    if core.after(0, "month", (year - 1970) * 12 + month) <= clock.now() then
        refuse("invalid_expiry_year", "Your card's expiration year is invalid.", "exp_year")
    end
    if given.cvc and not string.match(tostring(given.cvc), "^%d%d%d%d?$") then
        refuse("invalid_cvc", "Your card's security code is invalid.", "cvc")
    end
    return number, month, year
end

-- What is shown of a card, and its number, which is not.
function cards.details(given)
    local number, month, year
    if given.token then
        number = cards.number_of(given.token)
        if not number then
            local token = core.find("token", given.token, "token")
            if token.used then
                core.invalid("You cannot use a Stripe token more than once: " .. given.token .. ".", nil, "token_already_used")
            end
            number, month, year = token.number, token.card.exp_month, token.card.exp_year
            token.used = true
            core.keep("token", token)
        end
    else
        number, month, year = check(given)
    end
    month, year = month or 12, year or 2034
    local brand = brand_of(number)
    local network = (BRANDS[brand] or {}).network or "visa"
    return {
        brand = brand,
        checks = { address_line1_check = wt.null, address_postal_code_check = wt.null,
            cvc_check = if given.cvc then "pass" else "unchecked" },
        country = COUNTRIES[number] or "US",
        exp_month = month,
        exp_year = year,
        fingerprint = core.word("card:" .. number, 16),
        funding = FUNDING[number] or "credit",
        generated_from = wt.null,
        last4 = string.sub(number, -4),
        networks = { available = { network }, preferred = wt.null },
        three_d_secure_usage = { supported = true },
        wallet = wt.null,
    }, number
end

-- The number behind `pm_card_visa`, `tok_visa`, `card_visa`; nil of an id that is none of these.
function cards.number_of(id)
    local name = string.match(id, "^pm_card_(.+)$") or string.match(id, "^tok_(.+)$") or string.match(id, "^card_(.+)$")
    return name and NAMES[name]
end

-- Methods that send their customer to a page of their own, and debits, which take a while to arrive.
-- Source: Stripe's public documentation, "Payment methods", by how a payment is confirmed and when it is known to have succeeded.
local REDIRECTS, DEBITS = {}, {}
for word in string.gmatch("affirm afterpay_clearpay alipay bancontact cashapp eps fpx giropay grabpay ideal klarna p24 paypal sofort wechat_pay", "%S+") do
    REDIRECTS[word] = true
end
for word in string.gmatch("acss_debit au_becs_debit bacs_debit sepa_debit us_bank_account", "%S+") do
    DEBITS[word] = true
end

-- What is shown of a method that is no card: of an account, its end.
local function account_details(kind, given)
    if kind == "us_bank_account" then
        return { account_holder_type = given.account_holder_type or "individual", account_type = given.account_type or "checking",
            bank_name = "STRIPE TEST BANK", fingerprint = core.word("account:" .. tostring(given.account_number), 16),
            last4 = string.sub(given.account_number or "", -4), routing_number = given.routing_number or wt.null }
    elseif kind == "sepa_debit" then
        local iban = string.upper(string.gsub(given.iban or "", "%s", ""))
        return { bank_code = string.sub(iban, 5, 9), branch_code = wt.null, country = string.sub(iban, 1, 2),
            fingerprint = core.word("account:" .. iban, 16), generated_from = wt.null, last4 = string.sub(iban, -4) }
    end
    return given
end

-- A new payment method from the fields of a request.
function cards.payment_method(given)
    local fields = {
        type = given.type or "card",
        created = math.floor(clock.now()),
        customer = wt.null,
        billing_details = given.billing_details,
        livemode = false,
    }
    core.metadata(fields, given.metadata)
    if fields.type == "card" then
        if not given.card then
            core.missing("card")
        end
        fields.card, fields.number = cards.details(given.card)
    else
        fields.card = nil
        fields[fields.type] = account_details(fields.type, given[fields.type] or {})
    end
    return core.make("PaymentMethod", fields)
end

-- The payment method of an id; one of the published names is made anew each time it is used.
function cards.method(id, param)
    local known = state.get(core.places.PaymentMethod, id)
    if known then
        return known
    end
    if string.match(id, "^pm_card_") and cards.number_of(id) then
        return cards.payment_method({ type = "card", card = { token = id } })
    end
    return core.find("PaymentMethod", id, param or "payment_method")
end

-- Attaches a payment method to a customer; a card that is declined is not attached.
function cards.attach(method, customer)
    if method.told == "detached" then
        core.invalid("This PaymentMethod was previously used without being attached to a Customer or was detached from a Customer,"
            .. " and may not be used again.", nil, "payment_method_unexpected_state")
    end
    local word = method.number and DECLINES[method.number]
    if word and not ATTACHES[method.number] then
        core.fail(402, cards.decline(word))
    end
    if method.customer and method.customer ~= customer.id then
        core.invalid("The payment method you provided has already been attached to a customer.", nil, "payment_method_unexpected_state")
    end
    method.customer, method.told, method.attached = customer.id, "attached", true
    if method.card then
        method.card.checks = method.card.checks or {}
        if method.card.checks.cvc_check == "unchecked" then
            method.card.checks.cvc_check = "pass"
        end
    end
    core.keep("PaymentMethod", method)
    return method
end

function cards.declined(method) return method.number and DECLINES[method.number] end

function cards.disputed(method) return method.number and DISPUTES[method.number] end

function cards.is_at_once(method) return method.number and AT_ONCE[method.number] end

-- What a refund to a card is at first, or comes to be: `pending`, `failed`, or nil where it simply goes through.
function cards.refund_ends(method) return method and method.number and REFUNDS[method.number] end

-- Whether a payment is under way for a while before it is known to have arrived.
function cards.is_debit(method) return DEBITS[method.type] == true end

-- Whether a payment has to be authenticated by the customer.
function cards.authenticates(method)
    if REDIRECTS[method.type] then
        return true
    end
    local how = method.number and AUTHENTICATES[method.number]
    return how == "always" or (how == "unset" and not method.set_up)
end

return cards

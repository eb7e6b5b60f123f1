-- Payments: charges, what they do to the balance, disputes, payment intents on top.

local core = wt.import("core")
local cards = wt.import("cards")
local pay = {}

-- Source: Stripe's published price for cards in the US, and of a dispute.
local function fee_of(amount) return math.floor(amount * 0.029 + 0.5) + 30 end
local DISPUTE_FEE = 1500
local DAY = 86400
local PENDING_SECONDS = 2 * DAY
local LEAST = { usd = 50, eur = 50, gbp = 30, cad = 50, aud = 50, jpy = 50, chf = 50 }

function pay.check_amount(amount, currency)
    core.amount(amount)
    currency = core.currency(currency)
    local least = LEAST[currency]
    if least and amount < least then
        core.invalid("Amount must be at least " .. core.money(least, currency) .. " " .. currency, "amount", "amount_too_small")
    end
    if amount > 99999999 then
        core.invalid("Amount must be no more than " .. core.money(99999999, currency), "amount", "amount_too_large")
    end
end

-- Writes a booking into the sums: the balance is asked for more often than there is room to add all of it up.
local function sum_up(booked)
    local place = core.places.sums
    local sums, now = state.get(place, booked.currency) or { id = booked.currency, available = 0, due = {} }, clock.now()
    local day = tostring(booked.available_on)
    if booked.status == "available" then
        sums.available += booked.net
    else
        sums.due[day] = (sums.due[day] or 0) + booked.net
    end
    for at, amount in sums.due do
        if tonumber(at) <= now then
            sums.available += amount
            sums.due[at] = nil
        end
    end
    state.put(place, booked.currency, sums)
end

-- Books an amount on the balance.
function pay.book(fields, at_once)
    local now = fields.created or math.floor(clock.now())
    fields.created = now
    fields.fee = fields.fee or 0
    fields.net = fields.amount - fields.fee
    -- Days begin at midnight, here as there.
    fields.available_on = if at_once then now else (now + PENDING_SECONDS) // DAY * DAY
    fields.status = if at_once then "available" else "pending"
    fields.reporting_category = fields.reporting_category or fields.type
    fields.exchange_rate = wt.null
    fields.fee_details = wt.array(if fields.fee == 0 then {} else {
        { amount = fields.fee, application = wt.null, currency = fields.currency,
            description = "Stripe processing fees", type = "stripe_fee" },
    })
    local booked = core.make("balance_transaction", fields)
    sum_up(booked)
    return booked
end

-- What is available and what is pending, by currency.
function pay.balance()
    local now, sums = clock.now(), { available = { usd = 0 }, pending = { usd = 0 } }
    for _, one in state.list(core.places.sums) do
        local available, pending = one.available, 0
        for at, amount in one.due do
            if tonumber(at) <= now then available += amount else pending += amount end
        end
        sums.available[one.id], sums.pending[one.id] = available, pending
    end
    return sums
end

local SETTLED_AT_ONCE = 100

-- Has transactions say that they are available whose time has come, as many as one call can; the rest in further rounds.
function pay.settle()
    local now, some = clock.now(), state.query(core.places.balance_transaction, "status", "pending", SETTLED_AT_ONCE)
    local settled = 0
    for _, one in some do
        if one.available_on <= now then
            one.status = "available"
            core.keep("balance_transaction", one)
            settled += 1
        end
    end
    if settled == SETTLED_AT_ONCE then
        wt.again()
    end
end

local function card_details(method)
    if not method.card then
        return { type = method.type, [method.type] = method[method.type] or {} }
    end
    local card = method.card
    return {
        type = "card",
        card = {
            brand = card.brand,
            checks = { address_line1_check = wt.null, address_postal_code_check = wt.null, cvc_check = "pass" },
            country = card.country,
            exp_month = card.exp_month,
            exp_year = card.exp_year,
            fingerprint = card.fingerprint,
            funding = card.funding,
            installments = wt.null,
            last4 = card.last4,
            mandate = wt.null,
            network = card.brand,
            network_token = { used = false },
            three_d_secure = wt.null,
            wallet = wt.null,
        },
    }
end

local function outcome_of(word)
    if not word then
        return { network_status = "approved_by_network", reason = wt.null, risk_level = "normal", risk_score = 20,
            seller_message = "Payment complete.", type = "authorized" }
    end
    local blocked = word == "fraudulent"
    return {
        network_status = if blocked then "not_sent_to_network" else "declined_by_network",
        reason = if blocked then "highest_risk_level" else word,
        risk_level = if blocked then "highest" else "normal",
        risk_score = if blocked then 90 else 20,
        seller_message = if blocked then "Stripe blocked this payment as too risky."
            else "The bank did not return any further details with this decline.",
        type = if blocked then "blocked" else "issuer_declined",
    }
end

local function dispute(charge, method, how, now)
    local withdrawn = how.status == "needs_response"
    local made = core.make("dispute", {
        amount = charge.amount,
        balance_transactions = wt.array(),
        charge = charge.id,
        created = now,
        currency = charge.currency,
        evidence_details = { due_by = now + 9 * 86400, has_evidence = false, past_due = false, submission_count = 0 },
        is_charge_refundable = not withdrawn,
        livemode = false,
        metadata = {},
        payment_intent = charge.payment_intent or wt.null,
        payment_method_details = { type = "card", card = { brand = method.card.brand, network_reason_code = how.network } },
        reason = how.reason,
        status = how.status,
    })
    if withdrawn then
        local booked = pay.book({ amount = -charge.amount, currency = charge.currency, fee = DISPUTE_FEE, created = now,
            source = made.id, type = "adjustment", reporting_category = "dispute",
            description = "Chargeback withdrawal for " .. charge.id }, true)
        made.balance_transactions = wt.array({ wt.show(core.places.balance_transaction, booked.id) })
        core.keep("dispute", made)
    end
    charge.disputed, charge.dispute = true, made.id
end

-- Charges a payment method; the charge, and the error where it is declined.
function pay.charge(method, fields, now)
    local word = cards.declined(method)
    fields.created = now
    fields.billing_details = method.billing_details
    fields.payment_method = method.id
    fields.payment_method_details = card_details(method)
    if fields.authenticated and method.card then
        fields.payment_method_details.card.three_d_secure = { authentication_flow = "challenge", result = "authenticated",
            result_reason = wt.null, version = "2.2.0" }
    end
    fields.outcome = outcome_of(word)
    fields.amount_refunded, fields.refunded, fields.disputed = 0, false, false
    fields.livemode = false
    fields.metadata = fields.metadata or {}
    if word then
        local decline = cards.decline(word)
        fields.status, fields.paid, fields.captured, fields.amount_captured = "failed", false, false, 0
        fields.failure_code, fields.failure_message = decline.code, decline.message
        fields.balance_transaction = wt.null
        local charge = core.make("charge", fields)
        decline.charge = charge.id
        return charge, decline
    end
    fields.status, fields.paid = "succeeded", true
    fields.captured = fields.captured ~= false
    fields.amount_captured = if fields.captured then fields.amount else 0
    local charge = core.make("charge", fields)
    charge.receipt_url = "https://pay.stripe.com/receipts/payment/" .. core.word("receipt:" .. charge.id, 40)
    if charge.captured then
        pay.captured(charge, method, now)
    end
    return core.keep("charge", charge)
end

-- Books what was captured, and has the bank dispute it where the card is one of those.
function pay.captured(charge, method, now)
    local amount = charge.amount_captured
    local at_once = cards.is_at_once(method)
    local own_fee = core.account() and core.value(charge.application_fee_amount) or 0
    local booked = pay.book({ amount = amount, currency = charge.currency, fee = fee_of(amount) + own_fee, created = now,
        source = charge.id, type = "charge", description = charge.description or wt.null }, at_once)
    charge.balance_transaction = booked.id
    if own_fee > 0 then
        core.within("", function() pay.take_fee(charge, core.account(), own_fee, now) end)
    elseif core.value(charge.transfer_data) then
        pay.pass_on(charge, at_once, now)
    end
    local how = cards.disputed(method)
    if how then
        dispute(charge, method, how, now)
    end
end

-- What a platform keeps of a payment of an account.
function pay.take_fee(charge, account, amount, now)
    local fee = core.make("application_fee", { account = account, amount = amount, amount_refunded = 0, application = "ca_" .. core.word("app", 24),
        charge = charge.id, created = now, currency = charge.currency, livemode = false, originating_transaction = wt.null, refunded = false })
    fee.refunds = core.list("/v1/application_fees/" .. fee.id .. "/refunds", {})
    fee.balance_transaction = pay.book({ amount = amount, currency = charge.currency, created = now, source = fee.id,
        type = "application_fee" }, true).id
    core.keep("application_fee", fee)
    charge.application_fee = fee.id
    return fee
end

-- Makes a transfer to an account, and the payment it is there.
function pay.transfer(given, fee, at_once, now)
    local transfer = core.make("transfer", { amount = given.amount, amount_reversed = 0, created = now, currency = given.currency,
        description = given.description or wt.null, destination = given.destination, livemode = false, metadata = given.metadata or {},
        reversed = false, source_transaction = given.source_transaction or wt.null, source_type = "card",
        transfer_group = given.transfer_group or wt.null })
    transfer.reversals = core.list("/v1/transfers/" .. transfer.id .. "/reversals", {})
    transfer.balance_transaction = pay.book({ amount = -given.amount, created = now, currency = given.currency,
        description = given.description or wt.null, source = transfer.id, type = "transfer" }, true).id
    transfer.destination_payment = "py_" .. core.word("payment:" .. transfer.id, 24)
    core.within(given.destination, function()
        local booked = pay.book({ amount = given.amount, fee = fee, created = now, currency = given.currency, type = "payment",
            source = transfer.destination_payment }, at_once)
        core.keep("charge", { id = transfer.destination_payment, amount = given.amount, amount_captured = given.amount, amount_refunded = 0,
            balance_transaction = booked.id, captured = true, created = now, currency = given.currency, disputed = false, livemode = false,
            metadata = {}, paid = true, refunded = false, source_transfer = transfer.id, status = "succeeded" })
    end)
    return core.keep("transfer", transfer)
end

-- Where a charge is to be passed on to: in the newer words, or the older ones.
function pay.destination_of(given)
    local old = given.destination
    local to = given.transfer_data or (old and (if type(old) == "table" then { destination = old.account, amount = old.amount } else { destination = old }))
    if not to then
        return wt.null
    end
    core.find("account", to.destination, "transfer_data[destination]")
    return to
end

-- Passes a payment on to the account it is meant for, without what the platform keeps.
function pay.pass_on(charge, at_once, now)
    local to, fee = charge.transfer_data, core.value(charge.application_fee_amount) or 0
    local transfer = pay.transfer({ amount = to.amount or charge.amount_captured, currency = charge.currency, destination = to.destination,
        source_transaction = charge.id, transfer_group = core.value(charge.transfer_group) or "group_" .. (core.value(charge.payment_intent) or charge.id) },
        fee, at_once, now)
    charge.transfer = transfer.id
    if fee > 0 then
        pay.take_fee(charge, to.destination, fee, now)
    end
end

-- Captures what was only authorised; what is left of it is released.
function pay.capture(charge, amount)
    charge.captured, charge.amount_captured = true, amount
    if amount < charge.amount then
        charge.amount_refunded = charge.amount - amount
    end
    local customer = charge.customer and core.peek("customer", charge.customer)
    pay.captured(charge, core.find("PaymentMethod", charge.payment_method), core.now(customer))
    return core.keep("charge", charge)
end

-- Gives an authorised amount back that was never captured.
function pay.release(charge)
    charge.refunded, charge.amount_refunded = true, charge.amount
    local refund = core.make("refund", { amount = charge.amount, balance_transaction = wt.null, charge = charge.id,
        created = math.floor(clock.now()), currency = charge.currency, livemode = false, metadata = {},
        payment_intent = charge.payment_intent or wt.null, reason = wt.null, status = "succeeded" })
    pay.list_refund(charge, refund)
    return core.keep("charge", charge)
end

-- Ends the request where less is available than it wants to spend.
function pay.afford(amount, currency)
    local available = pay.balance().available[currency] or 0
    if amount > available then
        core.fail(400, { code = "balance_insufficient", message = "You have insufficient available funds in your Stripe account. Try"
            .. " adding funds directly to your available balance by creating Charges using the 4000000000000077 test card." })
    end
end

-- Payment intents

local function state_error(intent, message)
    core.fail(400, { message = message, code = "payment_intent_unexpected_state",
        payment_intent = wt.show(core.places.payment_intent, intent.id) })
end
pay.state_error = state_error

-- Notes a failed attempt; two in a row differ, so that each is told.
local function failed(object)
    object.told = if object.told == "failed" then "failed_again" else "failed"
end
pay.failed = failed

function pay.new_intent(fields)
    fields.created = fields.created or math.floor(clock.now())
    fields.status, fields.told = "requires_payment_method", "new"
    fields.amount_capturable, fields.amount_received = 0, 0
    fields.capture_method = fields.capture_method or "automatic"
    fields.confirmation_method = fields.confirmation_method or "automatic"
    fields.payment_method_types = fields.payment_method_types or wt.array({ "card" })
    fields.metadata = fields.metadata or {}
    fields.livemode = false
    local intent = core.make("payment_intent", fields)
    intent.client_secret = core.secret(intent.id)
    return core.keep("payment_intent", intent)
end

-- Has the customer of a payment or setup intent authenticate on a page the twin shows.
function pay.ask(intent, given)
    local url = core.page("/hosted/authenticate/" .. intent.id .. "?client_secret=" .. intent.client_secret)
    intent.status, intent.told, intent.return_url = "requires_action", "requires_action", given.return_url
    if given.return_url then
        intent.next_action = { type = "redirect_to_url", redirect_to_url = { return_url = given.return_url, url = url } }
    else
        intent.next_action = { type = "use_stripe_sdk", use_stripe_sdk = { type = "three_d_secure_redirect", stripe_js = url } }
    end
end

-- Notes that a refund belongs to a charge, the newest first.
function pay.list_refund(charge, refund)
    local list = core.value(charge.refunds) or core.list("/v1/charges/" .. charge.id .. "/refunds", {})
    table.insert(list.data, 1, wt.show(core.places.refund, refund.id))
    if #list.data > 10 then
        table.remove(list.data)
        list.has_more = true
    end
    charge.refunds = list
end

local function decline(intent, method, problem)
    problem.payment_method = wt.show(core.places.PaymentMethod, method.id)
    intent.last_payment_error = problem
    intent.status, intent.payment_method, intent.next_action = "requires_payment_method", wt.null, wt.null
    intent.latest_charge = problem.charge or wt.null
    failed(intent)
    core.keep("payment_intent", intent)
    return problem
end

-- Source: Stripe's public documentation of debits, "Test your integration": about three minutes.
local DEBIT_SECONDS = 180

-- Tries to pay an intent with its method; nil, or the error of the card.
function pay.confirm(intent, given, now)
    local method = cards.method(intent.payment_method)
    intent.payment_method = method.id
    intent.last_payment_error = wt.null
    if cards.authenticates(method) and not intent.authenticated then
        if given.off_session or given.error_on_requires_action then
            return decline(intent, method, cards.decline("authentication_required"))
        end
        pay.ask(intent, given)
        core.keep("payment_intent", intent)
        return nil
    end
    if cards.is_debit(method) and not given.arrived then
        intent.status, intent.told, intent.next_action = "processing", "processing", wt.null
        core.keep("payment_intent", intent)
        core.later(DEBIT_SECONDS, "debit_arrives", intent.id)
        return nil
    end
    local manual = intent.capture_method == "manual"
    local charge, problem = pay.charge(method, {
        authenticated = intent.authenticated,
        amount = intent.amount,
        captured = not manual,
        currency = intent.currency,
        customer = intent.customer or wt.null,
        description = intent.description or wt.null,
        invoice = intent.invoice or wt.null,
        metadata = table.clone(intent.metadata or {}),
        payment_intent = intent.id,
        receipt_email = intent.receipt_email or wt.null,
        shipping = intent.shipping or wt.null,
        statement_descriptor = intent.statement_descriptor or wt.null,
        application_fee_amount = intent.application_fee_amount or wt.null,
        on_behalf_of = intent.on_behalf_of or wt.null,
        transfer_data = intent.transfer_data or wt.null,
        transfer_group = intent.transfer_group or wt.null,
    }, now)
    if problem then
        return decline(intent, method, problem)
    end
    intent.latest_charge, intent.next_action = charge.id, wt.null
    if manual then
        intent.status, intent.amount_capturable = "requires_capture", intent.amount
        core.later(7 * DAY, "authorisation_expires", intent.id)
    else
        intent.status, intent.amount_received = "succeeded", intent.amount
    end
    intent.told = intent.status
    if intent.setup_future_usage and intent.customer then
        method.set_up = true
        cards.attach(method, { id = intent.customer })
    end
    core.keep("payment_intent", intent)
    return nil
end

-- Ends a request with the error of a declined card.
function pay.refuse(intent, problem)
    local fields = table.clone(problem)
    fields.payment_intent = wt.show(core.places.payment_intent, intent.id)
    core.fail(402, fields)
end

-- Refunds

function pay.refund(charge, given, now)
    local left = charge.amount - (charge.amount_refunded or 0)
    if not charge.paid then
        core.invalid("This charge cannot be refunded: it failed.", nil, "charge_not_refundable")
    end
    if charge.captured and left <= 0 then
        core.invalid("Charge " .. charge.id .. " has already been refunded.", nil, "charge_already_refunded")
    end
    if charge.disputed and state.get(core.places.dispute, charge.dispute).is_charge_refundable == false then
        core.invalid("Charge " .. charge.id .. " has been charged back; cannot issue a refund.", nil, "charge_disputed")
    end
    local most = if charge.captured then left else charge.amount
    local amount = given.amount or most
    if amount < 1 then
        core.invalid("Invalid positive integer", "amount", "parameter_invalid_integer")
    end
    if amount > most then
        local unrefunded = if (charge.amount_refunded or 0) > 0 then "unrefunded amount on charge (" else "charge amount ("
        core.invalid("Refund amount (" .. core.money(amount, charge.currency) .. ") is greater than " .. unrefunded
            .. core.money(most, charge.currency) .. ")", "amount")
    end
    local method = state.get(core.places.PaymentMethod, charge.payment_method)
    local refund = core.make("refund", {
        amount = amount,
        charge = charge.id,
        created = now,
        currency = charge.currency,
        livemode = false,
        metadata = {},
        payment_intent = charge.payment_intent or wt.null,
        reason = given.reason or wt.null,
        status = "succeeded",
    })
    core.metadata(refund, given.metadata)
    local ends = cards.refund_ends(method)
    if ends == "pending" then
        refund.status = "pending"
        core.later(3600, "refund_goes_through", refund.id)
    elseif ends == "failed" then
        core.later(3600, "refund_fails", refund.id)
    end
    if charge.captured then
        local booked = pay.book({ amount = -amount, currency = charge.currency, created = now, source = refund.id,
            type = "refund", description = "REFUND FOR CHARGE" .. (if charge.description then " (" .. charge.description .. ")" else "") },
            cards.is_at_once(method or {}))
        refund.balance_transaction = booked.id
    end
    core.keep("refund", refund)
    charge.amount_refunded = (charge.amount_refunded or 0) + amount
    charge.refunded = charge.amount_refunded >= charge.amount
    pay.list_refund(charge, refund)
    core.keep("charge", charge)
    return refund
end

-- Takes a refund back that has not gone through.
function pay.unrefund(refund, status)
    local charge = core.find("charge", refund.charge, "charge")
    charge.amount_refunded -= refund.amount
    charge.refunded = false
    core.keep("charge", charge)
    refund.status = status
    refund.failure_balance_transaction = pay.book({ amount = refund.amount, currency = refund.currency, source = refund.id,
        type = "refund_failure", description = "REFUND FAILURE" }, true).id
    return core.keep("refund", refund)
end

return pay

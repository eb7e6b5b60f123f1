-- Payment intents as requests change them.

local core = wt.import("core")
local cards = wt.import("cards")
local pay = wt.import("pay")
local intents = {}

intents.FIELDS = { "application_fee_amount", "automatic_payment_methods", "description", "on_behalf_of", "payment_method_options",
    "receipt_email", "shipping", "statement_descriptor", "statement_descriptor_suffix", "transfer_data", "transfer_group" }

function intents.require(intent, wanted, done, message)
    if not core.has(wanted, intent.status) then
        pay.state_error(intent, message .. " because it has a status of " .. intent.status
            .. ". Only a PaymentIntent with one of the following statuses may be " .. done .. ": " .. table.concat(wanted, ", ") .. ".")
    end
end

function intents.take_method(intent, given)
    local method
    if given.payment_method_data then
        method = cards.payment_method(given.payment_method_data)
    elseif given.payment_method and given.payment_method ~= "" then
        method = cards.method(given.payment_method)
    end
    if not method then
        return
    end
    if method.customer and method.customer ~= intent.customer then
        core.invalid("The payment method you provided is attached to a customer: pass that customer as `customer`.", "payment_method",
            "payment_method_unexpected_state")
    end
    intent.payment_method = method.id
    if intent.status == "requires_payment_method" then
        intent.status = "requires_confirmation"
    end
end

-- Confirms as a request asks for it; a declined card ends the request with its error.
function intents.confirm(intent, given)
    if intent.status == "succeeded" or intent.status == "requires_capture" then
        pay.state_error(intent, "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.")
    elseif intent.status == "canceled" then
        pay.state_error(intent, "You cannot confirm this PaymentIntent because it has a status of canceled. Only a PaymentIntent with one of"
            .. " the following statuses may be confirmed: requires_confirmation, requires_action.")
    end
    intents.take_method(intent, given)
    if not intent.payment_method then
        pay.state_error(intent, "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the"
            .. " PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method.")
    end
    local customer = intent.customer and core.peek("customer", intent.customer)
    local now = core.now(customer)
    local problem = pay.confirm(intent, given, now)
    if intent.invoice and (problem or intent.status == "succeeded") then
        -- Only here are bills needed; most payments have none.
        wt.import("subscriptions").settled(intent, problem, now)
    end
    if problem then
        pay.refuse(intent, problem)
    end
end

-- What an intent is sent back with once its customer has authenticated, or not.
function intents.authenticated(intent, done)
    if intent.status ~= "requires_action" then
        return
    end
    if done then
        intent.authenticated = true
        intents.confirm(intent, {})
        return
    end
    intent.last_payment_error = {
        type = "invalid_request_error", code = "payment_intent_authentication_failure",
        doc_url = "https://stripe.com/docs/error-codes/payment-intent-authentication-failure",
        message = "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to"
            .. " attempt to fulfill this PaymentIntent again.",
        payment_method = wt.show(core.places.PaymentMethod, intent.payment_method),
    }
    intent.status, intent.payment_method, intent.next_action = "requires_payment_method", wt.null, wt.null
    pay.failed(intent)
    core.keep("payment_intent", intent)
end

return intents

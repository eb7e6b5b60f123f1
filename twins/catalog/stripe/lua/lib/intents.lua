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
    local problem = pay.confirm(intent, given, core.now(customer))
    if problem then
        pay.refuse(intent, problem)
    end
end

return intents

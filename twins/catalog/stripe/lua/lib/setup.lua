-- Setup intents: a method made ready for later payments.

local core = wt.import("core")
local cards = wt.import("cards")
local pay = wt.import("pay")
local setup = {}

local OPEN = { "requires_payment_method", "requires_confirmation", "requires_action" }

local function refuse(intent, message)
    core.fail(400, { message = message, code = "setup_intent_unexpected_state",
        setup_intent = wt.show(core.places.setupintent, intent.id) })
end

function setup.require(intent, what)
    if not core.has(OPEN, intent.status) then
        refuse(intent, "You cannot " .. what .. " this SetupIntent because it has a status of " .. intent.status .. ".")
    end
end

function setup.take_method(intent, given)
    local method
    if given.payment_method_data then
        method = cards.payment_method(given.payment_method_data)
    elseif given.payment_method then
        method = cards.method(given.payment_method)
    end
    if not method then
        return
    end
    if method.customer and method.customer ~= intent.customer then
        core.invalid("The provided PaymentMethod is attached to another customer than the SetupIntent.", "payment_method",
            "payment_method_unexpected_state")
    end
    intent.payment_method = method.id
    intent.status, intent.told = "requires_confirmation", "requires_confirmation"
end

-- A subscription on trial that waited for something to pay with has it now.
local function settle_trial(intent, method)
    local sub = intent.subscription and core.peek("subscription", intent.subscription)
    if not sub then
        return
    end
    local settings = core.value(sub.payment_settings)
    sub.pending_setup_intent = wt.null
    if settings and settings.save_default_payment_method == "on_subscription" then
        sub.default_payment_method = method.id
    end
    core.keep("subscription", sub)
end

function setup.begin(fields, now)
    fields.created, fields.livemode, fields.metadata = now, false, fields.metadata or {}
    fields.payment_method_types = wt.array(fields.payment_method_types or { "card" })
    fields.status, fields.told, fields.usage = "requires_payment_method", "new", "off_session"
    local intent = core.make("setupintent", fields)
    intent.client_secret = core.secret(intent.id)
    return core.keep("setupintent", intent)
end

function setup.confirm(intent, given)
    if not intent.payment_method then
        refuse(intent, "You cannot confirm this SetupIntent because it's missing a payment method.")
    end
    local method = cards.method(intent.payment_method)
    local word = cards.declined(method)
    if word then
        local problem = cards.decline(word)
        problem.payment_method = wt.show(core.places.PaymentMethod, method.id)
        intent.last_setup_error = problem
        intent.status, intent.payment_method = "requires_payment_method", wt.null
        intent.told = if intent.told == "failed" then "failed_again" else "failed"
        core.keep("setupintent", intent)
        local shown = table.clone(problem)
        shown.setup_intent = wt.show(core.places.setupintent, intent.id)
        core.fail(402, shown)
    end
    if cards.authenticates(method) and not intent.authenticated then
        pay.ask(intent, given)
    else
        intent.status, intent.told, intent.next_action = "succeeded", "succeeded", wt.null
        intent.last_setup_error = wt.null
        method.set_up = true
        if intent.customer then
            cards.attach(method, { id = intent.customer })
        else
            core.keep("PaymentMethod", method)
        end
        settle_trial(intent, method)
    end
    core.keep("setupintent", intent)
end

-- What an intent is sent back with once its customer has authenticated, or not.
function setup.authenticated(intent, done)
    if done then
        intent.authenticated = true
        setup.confirm(intent, {})
        return
    end
    intent.last_setup_error = { type = "invalid_request_error", code = "setup_intent_authentication_failure",
        message = "The latest attempt to set up the payment method has failed because authentication failed.",
        payment_method = wt.show(core.places.PaymentMethod, intent.payment_method) }
    intent.status, intent.payment_method, intent.next_action = "requires_payment_method", wt.null, wt.null
    intent.told = if intent.told == "failed" then "failed_again" else "failed"
    core.keep("setupintent", intent)
end

return setup

local core = wt.import("core")
local pay = wt.import("pay")

local happens = {}

function happens.payout_arrives(id)
    local payout = core.peek("payout", id)
    if payout and payout.status == "pending" then
        payout.status = "paid"
        core.keep("payout", payout)
    end
end

function happens.checkout_expires(id)
    local session = core.peek("checkout.session", id)
    if session and session.status == "open" then
        session.status, session.told, session.url = "expired", "expired", wt.null
        core.keep("checkout.session", session)
    end
end

function happens.refund_goes_through(id)
    local refund = core.peek("refund", id)
    if refund and refund.status == "pending" then
        refund.status = "succeeded"
        core.keep("refund", refund)
    end
end

function happens.refund_fails(id)
    local refund = core.peek("refund", id)
    if refund and refund.status == "succeeded" then
        refund.failure_reason = "expired_or_canceled_card"
        pay.unrefund(refund, "failed")
    end
end

function happens.debit_arrives(id)
    local intent = core.peek("payment_intent", id)
    if intent and intent.status == "processing" then
        local now = math.floor(clock.now())
        local problem = pay.confirm(intent, { arrived = true }, now)
        if intent.invoice then
            wt.import("subscriptions").settled(intent, problem, now)
        end
    end
end

-- An authorisation is held for a week.
function happens.authorisation_expires(id)
    local intent = core.peek("payment_intent", id)
    if intent and intent.status == "requires_capture" then
        pay.release(core.find("charge", intent.latest_charge, "charge"))
        intent.status, intent.told, intent.amount_capturable = "canceled", "canceled", 0
        intent.canceled_at, intent.cancellation_reason = math.floor(clock.now()), "automatic"
        core.keep("payment_intent", intent)
    end
end

return core.handler(function(request, given)
    core.of = given.account
    happens[given.what](given.id)
end)

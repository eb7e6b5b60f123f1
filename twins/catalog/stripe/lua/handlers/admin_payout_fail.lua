local core = wt.import("core")
local pay = wt.import("pay")

return core.handler(function(request, given)
    local payout = core.find("payout", request.params.id)
    if not core.has({ "pending", "in_transit", "paid" }, payout.status) then
        core.invalid("A payout that is " .. payout.status .. " cannot fail.", nil)
    end
    payout.failure_balance_transaction = pay.book({ amount = payout.amount, currency = payout.currency, source = payout.id,
        type = "payout_failure", description = "STRIPE PAYOUT FAILURE" }, true).id
    payout.status, payout.failure_code = "failed", given.failure_code or "account_closed"
    payout.failure_message = given.failure_message or "The bank account has been closed."
    core.keep("payout", payout)
    emit.json(wt.show(core.places.payout, payout.id))
end)

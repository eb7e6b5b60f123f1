local core = wt.import("core")
local pay = wt.import("pay")

return core.handler(function(request, given)
    core.amount(given.amount)
    if not given.currency then core.missing("currency") end
    pay.afford(given.amount, given.currency)
    local now = math.floor(clock.now())
    local payout = core.make("payout", { amount = given.amount, arrival_date = now + 2 * 86400, automatic = false, created = now,
        currency = given.currency, description = given.description or wt.null, destination = given.destination or wt.null,
        failure_balance_transaction = wt.null, failure_code = wt.null, failure_message = wt.null, livemode = false,
        metadata = given.metadata or {}, method = given.method or "standard", original_payout = wt.null, reversed_by = wt.null,
        reconciliation_status = "not_applicable", source_type = given.source_type or "card",
        statement_descriptor = given.statement_descriptor or wt.null, status = "pending", type = "bank_account" })
    payout.balance_transaction = pay.book({ amount = -given.amount, created = now, currency = given.currency, source = payout.id,
        description = given.description or "STRIPE PAYOUT", type = "payout" }, true).id
    core.later(2 * 86400, "payout_arrives", payout.id)
    core.answer("payout", core.keep("payout", payout))
end)

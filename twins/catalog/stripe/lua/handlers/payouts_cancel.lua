local core = wt.import("core")
local pay = wt.import("pay")

return core.handler(function(request)
    local payout = core.find("payout", request.params.payout, "payout")
    if payout.status ~= "pending" then
        core.invalid("Payouts can only be canceled while they are pending; this one is " .. payout.status .. ".", nil)
    end
    payout.failure_balance_transaction = pay.book({ amount = payout.amount, currency = payout.currency, source = payout.id,
        type = "payout_cancel", description = payout.description or wt.null }, true).id
    payout.status = "canceled"
    core.answer("payout", core.keep("payout", payout))
end)

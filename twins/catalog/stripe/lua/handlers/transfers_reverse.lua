local core = wt.import("core")
local pay = wt.import("pay")

return core.handler(function(request, given)
    local transfer = core.find("transfer", request.params.id, "transfer")
    local left = transfer.amount - transfer.amount_reversed
    local amount = given.amount or left
    if left == 0 then
        core.invalid("Transfer " .. transfer.id .. " is already fully reversed.", nil)
    elseif amount > left then
        core.invalid("Transfer reversal amount (" .. core.money(amount, transfer.currency) .. ") is greater than the amount left to reverse ("
            .. core.money(left, transfer.currency) .. ").", "amount")
    end
    local now, place = math.floor(clock.now()), "/v1/transfers/" .. transfer.id .. "/reversals"
    local made = wt.new(place, { amount = amount, created = now, currency = transfer.currency, metadata = given.metadata or {},
        transfer = transfer.id, destination_payment_refund = wt.null, source_refund = wt.null })
    made.balance_transaction = pay.book({ amount = amount, created = now, currency = transfer.currency, source = made.id,
        description = given.description or wt.null, type = "transfer_refund" }, true).id
    state.put(place, made.id, made)
    core.within(transfer.destination, function()
        pay.book({ amount = -amount, created = now, currency = transfer.currency, source = transfer.destination_payment, type = "payment_refund" }, true)
        local payment = core.peek("charge", transfer.destination_payment)
        if payment then
            payment.amount_refunded += amount
            payment.refunded = payment.amount_refunded == payment.amount
            core.keep("charge", payment)
        end
    end)
    transfer.amount_reversed += amount
    transfer.reversed = transfer.amount_reversed == transfer.amount
    table.insert(transfer.reversals.data, wt.show(place, made.id))
    core.keep("transfer", transfer)
    wt.answer(place, made.id)
end)

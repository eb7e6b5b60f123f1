local core = wt.import("core")
local pay = wt.import("pay")

return core.handler(function(request, given)
    local fee = core.find("application_fee", request.params.id)
    local left = fee.amount - fee.amount_refunded
    local amount = given.amount or left
    if left == 0 then
        core.invalid("Application fee " .. fee.id .. " has already been refunded.", nil, "charge_already_refunded")
    elseif amount > left then
        core.invalid("Refund amount (" .. core.money(amount, fee.currency) .. ") is greater than unrefunded amount on fee ("
            .. core.money(left, fee.currency) .. ")", "amount")
    end
    local now, place = math.floor(clock.now()), "/v1/application_fees/" .. fee.id .. "/refunds"
    local made = wt.new(place, { amount = amount, created = now, currency = fee.currency, fee = fee.id, metadata = given.metadata or {} })
    made.balance_transaction = pay.book({ amount = -amount, created = now, currency = fee.currency, source = made.id,
        type = "application_fee_refund" }, true).id
    state.put(place, made.id, made)
    core.within(fee.account, function()
        pay.book({ amount = amount, created = now, currency = fee.currency, source = fee.charge, type = "adjustment" }, true)
    end)
    fee.amount_refunded += amount
    fee.refunded = fee.amount_refunded == fee.amount
    table.insert(fee.refunds.data, 1, wt.show(place, made.id))
    core.keep("application_fee", fee)
    wt.answer(place, made.id)
end)

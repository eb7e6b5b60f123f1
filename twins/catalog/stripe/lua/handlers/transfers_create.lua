local core = wt.import("core")
local pay = wt.import("pay")

return core.handler(function(request, given)
    if not given.destination then core.missing("destination") end
    if not given.currency then core.missing("currency") end
    core.amount(given.amount)
    core.find("account", given.destination, "destination")
    pay.afford(given.amount, given.currency)
    local now = math.floor(clock.now())
    local transfer = core.make("transfer", { amount = given.amount, amount_reversed = 0, created = now, currency = given.currency,
        description = given.description or wt.null, destination = given.destination, livemode = false, metadata = given.metadata or {},
        reversed = false, source_transaction = given.source_transaction or wt.null, source_type = "card",
        transfer_group = given.transfer_group or wt.null })
    transfer.reversals = core.list("/v1/transfers/" .. transfer.id .. "/reversals", {})
    transfer.destination_payment = "py_" .. core.word("payment:" .. transfer.id, 24)
    transfer.balance_transaction = pay.book({ amount = -given.amount, created = now, currency = given.currency,
        description = given.description or wt.null, source = transfer.id, type = "transfer" }, true).id
    core.answer("transfer", core.keep("transfer", transfer))
end)

local core = wt.import("core")

return core.handler(function(request, given)
    local customer = core.find("customer", request.params.customer)
    if given.amount == nil then core.missing("amount") end
    if given.currency == nil then core.missing("currency") end
    customer.balance = (customer.balance or 0) + given.amount
    customer.currency = customer.currency or given.currency
    core.keep("customer", customer)
    local place = "/v1/customers/" .. customer.id .. "/balance_transactions"
    local made = wt.new(place, { amount = given.amount, created = core.now(customer), currency = given.currency,
        customer = customer.id, description = given.description or wt.null, ending_balance = customer.balance,
        livemode = false, metadata = given.metadata or {}, type = "adjustment", credit_note = wt.null, invoice = wt.null })
    wt.answer(place, made.id)
end)

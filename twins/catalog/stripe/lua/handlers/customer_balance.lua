local core = wt.import("core")
local bill = wt.import("bill")

return core.handler(function(request, given)
    local customer = core.find("customer", request.params.customer)
    if given.amount == nil then core.missing("amount") end
    given.currency = core.currency(given.currency)
    local place, id = bill.credit(customer, given.amount, "adjustment", given, core.now(customer))
    wt.answer(place, id)
end)

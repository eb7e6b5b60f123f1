local core = wt.import("core")
local cards = wt.import("cards")

return core.handler(function(request, given)
    if not given.customer then core.missing("customer") end
    local customer = core.find("customer", given.customer, "customer")
    core.answer("PaymentMethod", cards.attach(cards.method(request.params.payment_method, "id"), customer))
end)

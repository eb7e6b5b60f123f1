local core = wt.import("core")
local cards = wt.import("cards")

return core.handler(function(request, given)
    if given.payment_method then
        local copied = table.clone(cards.method(given.payment_method))
        copied.id, copied.customer = nil, wt.null
        core.answer("PaymentMethod", core.make("PaymentMethod", copied))
        return
    end
    if not given.type then core.missing("type") end
    core.answer("PaymentMethod", cards.payment_method(given))
end)

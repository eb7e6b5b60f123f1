local core = wt.import("core")
local cards = wt.import("cards")

return core.handler(function(request)
    local id = request.params.payment_method
    if not core.peek("PaymentMethod", id) then
        core.answer("PaymentMethod", cards.method(id, "id"))
    end
end)

local core = wt.import("core")
local cards = wt.import("cards")

return core.handler(function(request, given)
    local method = cards.method(request.params.payment_method, "id")
    if not method.customer then
        core.invalid("You must save this PaymentMethod to a customer before you can update it.")
    end
    core.take(method, given, { "billing_details" })
    if given.card and method.card then
        method.card.exp_month = given.card.exp_month or method.card.exp_month
        method.card.exp_year = given.card.exp_year or method.card.exp_year
    end
    core.answer("PaymentMethod", core.keep("PaymentMethod", method))
end)

local core = wt.import("core")
local cards = wt.import("cards")

return core.handler(function(request, given)
    if not given.card then return end
    local card, number = cards.details(given.card)
    card.id, card.object, card.cvc_check = "card_" .. core.word("token:" .. state.counter("tokens"), 24), "card", card.checks.cvc_check
    card.checks, card.networks, card.three_d_secure_usage = nil, nil, nil
    card.name = given.card.name or wt.null
    core.answer("token", core.make("token", { card = card, client_ip = wt.null, created = math.floor(clock.now()),
        livemode = false, number = number, type = "card", used = false }))
end)

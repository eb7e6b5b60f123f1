local core = wt.import("core")
local cards = wt.import("cards")

local function of_bank(given)
    local number = tostring(given.account_number or "")
    if not string.match(number, "^%d+$") then
        core.invalid("You must use a test bank account number in test mode.", "bank_account[account_number]", "account_number_invalid")
    end
    local id = "ba_" .. core.word("token:" .. state.counter("tokens"), 24)
    return core.make("token", { type = "bank_account", used = false, livemode = false, client_ip = wt.null, created = math.floor(clock.now()),
        bank_given = given, bank_account = { id = id, object = "bank_account", account_holder_name = given.account_holder_name or wt.null,
            account_holder_type = given.account_holder_type or wt.null, account_type = wt.null, bank_name = "STRIPE TEST BANK",
            country = given.country or "US", currency = given.currency or "usd", fingerprint = core.word("bank:" .. number, 16),
            last4 = string.sub(number, -4), routing_number = given.routing_number or wt.null, status = "new" } })
end

local function of_card(given)
    local card, number = cards.details(given)
    card.id, card.object, card.cvc_check = "card_" .. core.word("token:" .. state.counter("tokens"), 24), "card", card.checks.cvc_check
    card.checks, card.networks, card.three_d_secure_usage = nil, nil, nil
    card.name = given.name or wt.null
    return core.make("token", { card = card, client_ip = wt.null, created = math.floor(clock.now()), livemode = false, number = number,
        type = "card", used = false })
end

return core.handler(function(request, given)
    if given.bank_account then
        local token = of_bank(given.bank_account)
        -- Its id tells what it stands for.
        local named = table.clone(token)
        named.id = "btok_" .. string.sub(token.id, 5)
        state.delete(core.places.token, token.id)
        core.answer("token", core.keep("token", named))
    elseif type(given.card) == "table" then
        core.answer("token", of_card(given.card))
    end
end)

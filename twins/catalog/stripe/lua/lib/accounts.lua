-- Connected accounts: what they still have to tell, and what they are paid out to.

local core = wt.import("core")
local cards = wt.import("cards")
local accounts = {}

local function external_place(account) return "@/v1/accounts/" .. account.id .. "/external_accounts" end

-- Source: Stripe's public reference of what is required of an account in the US.
local ASKED = { "business_profile.mcc", "business_profile.url", "business_type", "external_account", "tos_acceptance.date", "tos_acceptance.ip" }
local OF_PEOPLE = { "individual.first_name", "individual.last_name", "individual.dob.day", "individual.dob.month", "individual.dob.year" }
local OF_COMPANIES = { "company.name", "company.tax_id" }

local function has(account, path)
    local value = account
    for step in string.gmatch(path, "[%w_]+") do
        value = type(value) == "table" and core.value(value[step]) or nil
    end
    return value ~= nil and value ~= ""
end

local function missing_of(account, external)
    local missing = wt.array()
    local function ask(paths)
        for _, path in paths do
            local told = if path == "external_account" then external > 0 else has(account, path)
            if not told and not account.onboarded then
                table.insert(missing, path)
            end
        end
    end
    ask(ASKED)
    ask(if account.business_type == "company" then OF_COMPANIES else OF_PEOPLE)
    table.sort(missing)
    return missing
end

local function copied(list)
    local copy = wt.array()
    for index, one in list do
        copy[index] = one
    end
    return copy
end

local function requirements(missing)
    return { alternatives = wt.array(), current_deadline = wt.null, currently_due = missing,
        disabled_reason = if #missing > 0 then "requirements.past_due" else wt.null, errors = wt.array(),
        eventually_due = copied(missing), past_due = copied(missing), pending_verification = wt.array() }
end

-- Works out what an account may do from what it has told.
function accounts.settle(account)
    local external = core.list("/v1/accounts/" .. account.id .. "/external_accounts", {})
    for _, one in state.list(external_place(account)) do
        table.insert(external.data, wt.show(external_place(account), one.id))
    end
    local missing = missing_of(account, #external.data)
    account.external_accounts, account.requirements = external, requirements(missing)
    account.future_requirements = requirements(wt.array())
    local done = #missing == 0
    for name in account.capabilities do
        account.capabilities[name] = if done then "active" else "inactive"
    end
    account.details_submitted, account.payouts_enabled = done, done and #external.data > 0 or (done and account.onboarded == true)
    account.charges_enabled = done
    return core.keep("account", account)
end

local function merge(object, given)
    for name, value in given do
        local inner = object[name]
        if type(value) == "table" and #value == 0 and type(inner) == "table" then
            merge(inner, value)
        else
            object[name] = if value == "" then wt.null else value
        end
    end
end

local TOLD = { "business_profile", "business_type", "company", "default_currency", "email", "individual", "settings", "tos_acceptance" }

-- Takes over what a request tells of an account.
function accounts.take(account, given)
    for _, name in TOLD do
        if given[name] ~= nil then
            if type(given[name]) == "table" then
                account[name] = account[name] or {}
                merge(account[name], given[name])
            else
                account[name] = given[name]
            end
        end
    end
    for name, asked in given.capabilities or {} do
        account.capabilities[name] = if asked.requested == false then nil else account.capabilities[name] or "inactive"
    end
    core.metadata(account, given.metadata)
    if given.external_account and given.external_account ~= "" then
        accounts.add_external(account, given.external_account)
    end
end

local function bank(account, given)
    local number = tostring(given.account_number or "000123456789")
    return "ba_", { object = "bank_account", account = account.id, account_holder_name = given.account_holder_name or wt.null,
        account_holder_type = given.account_holder_type or wt.null, account_type = wt.null, available_payout_methods = wt.array({ "standard" }),
        bank_name = "STRIPE TEST BANK", country = given.country or "US", currency = string.lower(given.currency or "usd"),
        fingerprint = core.word("bank:" .. number, 16), last4 = string.sub(number, -4), metadata = {},
        routing_number = given.routing_number or "110000000", status = "new" }
end

local function card(account, given)
    local details = cards.details(given)
    return "card_", { object = "card", account = account.id, address_zip_check = wt.null, brand = cards.named(details.brand),
        country = details.country, currency = "usd", cvc_check = wt.null, dynamic_last4 = wt.null, exp_month = details.exp_month,
        exp_year = details.exp_year, fingerprint = details.fingerprint, funding = details.funding, last4 = details.last4, metadata = {},
        available_payout_methods = wt.array({ "standard", "instant" }), name = wt.null, tokenization_method = wt.null }
end

-- Adds what an account is paid out to: of a token, or of details.
function accounts.add_external(account, given, as_default)
    local prefix, made
    if type(given) == "table" and given.object ~= "card" then
        prefix, made = bank(account, given)
    elseif type(given) == "table" then
        prefix, made = card(account, given)
    elseif string.match(given, "^btok_") then
        local token = core.peek("token", given)
        prefix, made = bank(account, token and token.bank_given or {})
    else
        prefix, made = card(account, { token = given })
    end
    local first = true
    for _, one in state.query(external_place(account), "currency", made.currency) do
        first = false
        if as_default and one.default_for_currency then
            one.default_for_currency = false
            state.put(external_place(account), one.id, one)
        end
    end
    made.default_for_currency = as_default or first
    made.id = prefix .. core.word("external:" .. account.id .. state.counter("external accounts"), 24)
    state.put(external_place(account), made.id, made)
    return external_place(account), made.id
end

accounts.external_place = external_place

-- The platform's own account.
function accounts.own()
    local id = "acct_" .. core.word("the platform", 16)
    return wt.show("@/v1/accounts", id, { id = id, business_type = "company", capabilities = { card_payments = "active", transfers = "active" },
        charges_enabled = true, country = "US", default_currency = "usd", details_submitted = true, email = "platform@example.com",
        payouts_enabled = true, type = "standard", metadata = {}, requirements = requirements(wt.array()) })
end

return accounts

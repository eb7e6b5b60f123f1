-- What every handler of this twin uses: errors as Stripe words them, lookups, metadata, times.

local core = {}

local PLACES = {
    account = "@/v1/accounts",
    application_fee = "/v1/application_fees",
    balance_transaction = "/v1/balance_transactions",
    charge = "/v1/charges",
    ["checkout.session"] = "/v1/checkout/sessions",
    coupon = "/v1/coupons",
    credit_note = "/v1/credit_notes",
    customer = "/v1/customers",
    dispute = "/v1/disputes",
    invoice = "/v1/invoices",
    invoiceitem = "/v1/invoiceitems",
    payment_intent = "/v1/payment_intents",
    PaymentMethod = "/v1/payment_methods",
    payout = "/v1/payouts",
    plan = "/v1/plans",
    price = "/v1/prices",
    product = "/v1/products",
    promotion_code = "/v1/promotion_codes",
    quote = "/v1/quotes",
    refund = "/v1/refunds",
    setupintent = "/v1/setup_intents",
    shipping_rate = "/v1/shipping_rates",
    subscription = "/v1/subscriptions",
    subscription_item = "/v1/subscription_items",
    subscription_schedule = "/v1/subscription_schedules",
    tax_rate = "/v1/tax_rates",
    test_clock = "/v1/test_helpers/test_clocks",
    token = "/v1/tokens",
    transfer = "/v1/transfers",
    -- Sums by currency; not Stripe's.
    sums = "/wt/balances",
}

-- Whose state is meant: that of the account a request is made for, unless another is named. `@/v1/…` is the platform's own.
core.of = nil
core.places = setmetatable({}, { __index = function(_, kind)
    local place = PLACES[kind]
    return if core.of and place and string.sub(place, 1, 1) ~= "@" then "@" .. core.of .. place else place
end })

-- Does something in the state of an account; "" is the platform.
function core.within(account, act)
    local outer = core.of
    core.of = account
    local result = act()
    core.of = outer
    return result
end

-- The account a request is made for, if it is not the platform.
function core.account() return req.headers["stripe-account"] end

local DOCS = "https://stripe.com/docs/error-codes/"

-- Ends the handler with an error answer; what was written before stands.
function core.fail(status, fields)
    fields.type = fields.type or "invalid_request_error"
    if fields.code and not fields.doc_url then
        fields.doc_url = DOCS .. string.gsub(fields.code, "_", "-")
    end
    error({ status = status, fields = fields })
end

function core.invalid(message, param, code)
    core.fail(400, { message = message, param = param, code = code })
end

function core.missing(param)
    core.invalid("Missing required param: " .. param .. ".", param, "parameter_missing")
end

-- Runs a handler so that what it refuses becomes the answer.
function core.handler(handle)
    return function(request)
        local done, refused = pcall(handle, request, request.data or {})
        if done then
            return
        end
        if type(refused) ~= "table" or not refused.fields then
            error(refused, 0)
        end
        emit.status(refused.status)
        emit.json({ error = refused.fields })
    end
end

function core.peek(kind, id)
    return state.get(core.places[kind], id)
end

function core.find(kind, id, param)
    local found = id and state.get(core.places[kind], id)
    if not found then
        local message = "No such " .. kind .. ": '" .. tostring(id) .. "'"
        local status = if param == "id" or param == "intent" or param == nil then 404 else 400
        core.fail(status, { message = message, param = param or "id", code = "resource_missing" })
    end
    return found
end

function core.make(kind, fields)
    local made = wt.new(core.places[kind], fields)
    return made
end

-- As `make`, under an id that the request chose if it did.
function core.make_as(kind, id, fields)
    if not id then
        return core.make(kind, fields)
    end
    fields.id = id
    return core.keep(kind, fields)
end

-- Takes `wt.null` out, which is no value in a condition; what was kept as null stays null.
local function strip(object)
    for name, value in object do
        if value == wt.null then
            object[name] = nil
        elseif type(value) == "table" then
            strip(value)
        end
    end
end

function core.keep(kind, object)
    state.put(core.places[kind], object.id, object)
    strip(object)
    return object
end

-- A value that may be null: nil then.
function core.value(value) return if value == wt.null then nil else value end

function core.answer(kind, object)
    wt.answer(core.places[kind], object.id)
end

-- Has something happen to an object later, on the twin's clock; objects of a test clock stay as they are.
function core.later(seconds, what, id)
    clock.after(seconds, "later", { what = what, id = id, account = core.account() or core.of })
end

-- The address of a page the twin shows in the place of one of Stripe's.
function core.page(path) return "http://" .. (req.headers.host or "localhost") .. path end

-- A secret of an object, the same as often as it is asked for.
function core.secret(id)
    return id .. "_secret_" .. string.sub(wt.crypto.sha256("secret:" .. id), 1, 24)
end

function core.word(seed, length)
    return string.sub(wt.crypto.sha256(seed), 1, length)
end

-- Takes over what a request says of an object; an empty text takes a value away.
function core.take(object, given, names)
    for _, name in names do
        local value = given[name]
        if value == "" then
            object[name] = wt.null
        elseif value ~= nil then
            object[name] = value
        end
    end
    core.metadata(object, given.metadata)
end

function core.metadata(object, given)
    if given == nil then
        object.metadata = object.metadata or {}
        return
    end
    local kept = if given == "" then {} else object.metadata or {}
    if given ~= "" then
        for key, value in given do
            kept[key] = if value == "" then nil else value
        end
    end
    object.metadata = kept
end

function core.has(list, wanted)
    for _, one in list do
        if one == wanted then
            return true
        end
    end
    return false
end

-- The time of a customer: that of its test clock, else the twin's; where a clock passes over a time, that time.
function core.now(customer)
    if core.at then
        return core.at
    end
    local clock_id = customer and customer.test_clock
    local held = clock_id and state.get(core.places.test_clock, clock_id)
    return if held then held.frozen_time else math.floor(clock.now())
end

function core.list(path, items)
    local data = wt.array()
    for index, item in items do
        data[index] = item
    end
    return { object = "list", data = data, has_more = false, url = path }
end

-- A page of items that stand within an object, in their order.
function core.slice(request, items, path)
    local query = request.query
    local limit = math.min(tonumber(query.limit) or 10, 100)
    local shown, from, more = wt.array(), query.starting_after == nil, false
    for _, item in items do
        if from and #shown == limit then
            more = true
            break
        elseif from then
            table.insert(shown, item)
        end
        from = from or item.id == query.starting_after
    end
    return { object = "list", data = shown, has_more = more, url = path }
end

function core.amount(value, param)
    param = param or "amount"
    if value == nil then
        core.missing(param)
    end
    if value < 1 then
        core.invalid("This value must be greater than or equal to 1.", param, "parameter_invalid_integer")
    end
    return value
end

-- Source: Stripe's public list of supported currencies.
local CURRENCIES = {}
for word in string.gmatch("usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf clp "
    .. "cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl hrk htg huf idr ils inr isk jmd jod jpy kes "
    .. "kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen "
    .. "pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd "
    .. "vuv wst xaf xcd xof xpf yer zar zmw", "%a+") do
    CURRENCIES[word] = true
end

-- A currency a request names, in small letters.
function core.currency(given, param)
    param = param or "currency"
    if not given or given == "" then
        core.missing(param)
    end
    local code = string.lower(given)
    if not CURRENCIES[code] then
        core.invalid("Invalid currency: " .. code .. ". Stripe currently supports the currencies of its public list.", param)
    end
    return code
end

local SIGNS = { usd = "$", eur = "€", gbp = "£" }
local WHOLE = { jpy = true, krw = true, vnd = true, clp = true, xaf = true, xof = true, ugx = true, rwf = true }

function core.money(amount, currency)
    local text = if WHOLE[currency] then tostring(amount) else string.format("%.2f", amount / 100)
    return (SIGNS[currency] or "") .. text .. (if SIGNS[currency] then "" else " " .. string.upper(currency))
end

-- Days since 1970 of a date, and back (the civil calendar, any year).
local function days_of(year, month, day)
    local y = if month <= 2 then year - 1 else year
    local era = y // 400
    local of_era = y - era * 400
    local of_year = (153 * (month + (if month > 2 then -3 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
end

local function date_of(days)
    local z = days + 719468
    local era = z // 146097
    local of_era = z - era * 146097
    local year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    local of_year = of_era - (365 * year + year // 4 - year // 100)
    local m = (5 * of_year + 2) // 153
    local month = if m < 10 then m + 3 else m - 9
    return year + era * 400 + (if month <= 2 then 1 else 0), month, of_year - (153 * m + 2) // 5 + 1
end

-- A time so many intervals after an anchor; a month that is too short ends the interval early.
function core.after(anchor, interval, count)
    if interval == "day" then
        return anchor + count * 86400
    elseif interval == "week" then
        return anchor + count * 604800
    end
    local year, month, day = date_of(anchor // 86400)
    local months = (month - 1) + count * (if interval == "year" then 12 else 1)
    year, month = year + months // 12, months % 12 + 1
    local next_year, next_month = if month == 12 then year + 1 else year, month % 12 + 1
    local last = days_of(next_year, next_month, 1) - days_of(year, month, 1)
    return days_of(year, month, math.min(day, last)) * 86400 + anchor % 86400
end

return core

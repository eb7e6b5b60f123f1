-- Phone numbers that are an account's, that can be had, and what is known of any.

local core = wt.import("core")

local handlers = {}

local function place(account)
    return "/2010-04-01/Accounts/" .. account.sid .. "/IncomingPhoneNumbers"
end

local FIELDS = {
    FriendlyName = "friendly_name", SmsUrl = "sms_url", SmsMethod = "sms_method", SmsFallbackUrl = "sms_fallback_url", SmsFallbackMethod = "sms_fallback_method",
    SmsApplicationSid = "sms_application_sid", VoiceUrl = "voice_url", VoiceMethod = "voice_method", VoiceFallbackUrl = "voice_fallback_url",
    VoiceFallbackMethod = "voice_fallback_method", VoiceApplicationSid = "voice_application_sid", StatusCallback = "status_callback",
    StatusCallbackMethod = "status_callback_method", TrunkSid = "trunk_sid", AddressSid = "address_sid", IdentitySid = "identity_sid", BundleSid = "bundle_sid",
}

local function formatted(number)
    local area, first, last = string.match(number, "^%+1(%d%d%d)(%d%d%d)(%d%d%d%d)$")
    return if area then "(" .. area .. ") " .. first .. "-" .. last else number
end

local function show(account, number)
    local shown = {
        sid = number.sid, account_sid = account.sid, phone_number = number.phone_number, api_version = "2010-04-01", date_created = core.mail_date(number.created),
        date_updated = core.mail_date(number.updated), address_requirements = "none", beta = false, capabilities = { voice = true, sms = true, mms = true, fax = false },
        origin = "twilio", status = "in-use", voice_caller_id_lookup = number.voice_caller_id_lookup or false, voice_receive_mode = "voice", emergency_status = "Inactive",
        emergency_address_sid = wt.null, emergency_address_status = "unregistered", type = "local", subresource_uris = {},
        uri = "/2010-04-01/Accounts/" .. account.sid .. "/IncomingPhoneNumbers/" .. number.sid .. ".json",
    }
    for _, name in FIELDS do
        local value = number[name]
        shown[name] = if value == nil and string.sub(name, -4) == "_url" or value == nil and name == "status_callback" then "" elseif value == nil and string.sub(name, -6) == "method" then "POST" else core.null(value)
    end
    if shown.friendly_name == wt.null then
        shown.friendly_name = formatted(number.phone_number)
    end
    for _, name in { "sms_url", "voice_url", "sms_fallback_url", "voice_fallback_url", "status_callback", "sms_application_sid", "voice_application_sid" } do
        if shown[name] == wt.null then shown[name] = "" end
    end
    return shown
end

local function take(number, given)
    for name, own in FIELDS do
        if given[name] ~= nil then number[own] = given[name] end
    end
    if given.VoiceCallerIdLookup ~= nil then number.voice_caller_id_lookup = core.flag(given.VoiceCallerIdLookup, false) end
    number.updated = core.now()
end

handlers.create = core.handler(function(request, given, account)
    local number = given.PhoneNumber
    if given.AreaCode then
        if given.AreaCode == "533" then
            core.fail(400, 21452, "No phone numbers found in area code 533")
        end
        number = "+1" .. given.AreaCode .. "555" .. string.format("%04d", state.counter("numbers in " .. given.AreaCode) % 10000)
    elseif not number then
        core.fail(400, 21403, "PhoneNumber or AreaCode is required")
    elseif number == "+15005550000" then
        core.fail(400, 21422, number .. " is not available")
    elseif number == "+15005550001" or not core.number(number) then
        core.fail(400, 21421, number .. " is not a valid number")
    end
    number = core.number(number)
    if #state.query(place(account), "phone_number", number, 1) > 0 then
        core.fail(400, 21422, number .. " is not available")
    end
    local own = { sid = core.sid("PN"), phone_number = number, created = core.now() }
    take(own, given)
    state.put(place(account), own.sid, own)
    emit.status(201)
    emit.json(show(account, own))
end)

local function find(request, account)
    local number = state.get(place(account), request.params.Sid)
    if not number then
        core.not_found(request)
    end
    return number
end

handlers.get = core.handler(function(request, _, account)
    emit.json(show(account, find(request, account)))
end)

handlers.list = core.handler(function(request, _, account)
    local query = request.query
    core.page_2010(request, place(account), { where = { phone_number = query.PhoneNumber, friendly_name = query.FriendlyName } }, "incoming_phone_numbers", function(number)
        return show(account, number)
    end)
end)

handlers.update = core.handler(function(request, given, account)
    local number = find(request, account)
    take(number, given)
    state.put(place(account), number.sid, number)
    emit.json(show(account, number))
end)

handlers.delete = core.handler(function(request, _, account)
    state.delete(place(account), find(request, account).sid)
    core.no_content()
end)

-- Numbers that can be had: the same in each run, but for those that are an account's already.
handlers.available = core.handler(function(request, _, account)
    local country, query = request.params.CountryCode, request.query
    local kind = string.match(request.path, "/(%w+)%.json$")
    local area = query.AreaCode or (if kind == "TollFree" then "888" else "415")
    local size = math.clamp(tonumber(query.PageSize) or 30, 1, 30)
    local found = wt.array({})
    for index = 1, 60 do
        local number = if country == "US" or country == "CA" then "+1" .. area .. "555" .. string.format("%04d", index + 1000) else "+44" .. "7700900" .. string.format("%03d", index)
        local fits = not query.Contains or string.find(number, (string.gsub(query.Contains, "%*", ".")))
        if #found < size and fits and #state.query(place(account), "phone_number", number, 1) == 0 then
            table.insert(found, {
                phone_number = number, friendly_name = formatted(number), lata = wt.null, locality = wt.null, rate_center = wt.null, latitude = wt.null, longitude = wt.null,
                region = wt.null, postal_code = wt.null, iso_country = country, address_requirements = "none", beta = false,
                capabilities = { voice = true, SMS = true, MMS = true, fax = false },
            })
        end
    end
    emit.json({ available_phone_numbers = found, uri = request.path })
end)

-- Lookups

local COUNTRIES = { ["1"] = { "US", 11 }, ["44"] = { "GB", 12 }, ["49"] = { "DE", 0 }, ["33"] = { "FR", 11 }, ["61"] = { "AU", 11 }, ["81"] = { "JP", 12 }, ["91"] = { "IN", 12 }, ["34"] = { "ES", 11 }, ["39"] = { "IT", 0 }, ["46"] = { "SE", 0 }, ["55"] = { "BR", 0 } }

handlers.lookup = core.handler(function(request, _, account)
    local text = request.params.PhoneNumber
    local number = core.number(text)
    local bare = string.gsub(number or tostring(text), "%D", "")
    if bare == "" then
        core.not_found(request)
    end
    local code, country
    for length = 3, 1, -1 do
        local known = COUNTRIES[string.sub(bare, 1, length)]
        if known and not code then code, country = string.sub(bare, 1, length), known end
    end
    local errors = wt.array({})
    if not code then
        table.insert(errors, "INVALID_COUNTRY_CODE")
    elseif country[2] > 0 and #bare < country[2] or #bare < 7 then
        table.insert(errors, "TOO_SHORT")
    elseif country[2] > 0 and #bare > country[2] or #bare > 15 then
        table.insert(errors, "TOO_LONG")
    elseif code == "1" and string.match(string.sub(bare, 2), "^[01]") then
        table.insert(errors, "INVALID_BUT_POSSIBLE")
    end
    local valid = #errors == 0
    local shown = {
        calling_country_code = core.null(code), country_code = if valid then country[1] else wt.null, phone_number = "+" .. bare, valid = valid, validation_errors = errors,
        national_format = if valid then formatted("+" .. bare) else bare, url = core.api(request) .. request.path,
    }
    for _, name in { "caller_name", "sim_swap", "call_forwarding", "line_status", "line_type_intelligence", "identity_match", "reassigned_number", "sms_pumping_risk", "phone_number_quality_score", "pre_fill" } do
        shown[name] = wt.null
    end
    for field in string.gmatch(request.query.Fields or "", "[%w_]+") do
        if field == "line_type_intelligence" then
            shown.line_type_intelligence = { type = "mobile", carrier_name = "Twin Wireless", mobile_country_code = "310", mobile_network_code = "260", error_code = wt.null }
        elseif field == "caller_name" then
            shown.caller_name = { caller_name = "TWIN CALLER", caller_type = "CONSUMER", error_code = wt.null }
        end
    end
    emit.json(shown)
end)

-- Accounts

local function show_account(account)
    local base = "/2010-04-01/Accounts/" .. account.sid
    local links = {}
    for name, path in { messages = "Messages", calls = "Calls", incoming_phone_numbers = "IncomingPhoneNumbers", applications = "Applications", recordings = "Recordings", balance = "Balance" } do
        links[name] = base .. "/" .. path .. ".json"
    end
    local created = core.mail_date(1640995200)
    return {
        sid = account.sid, owner_account_sid = account.sid, friendly_name = "Twin", auth_token = core.null(account.token), status = "active", type = "Full", date_created = created,
        date_updated = created, uri = base .. ".json", subresource_uris = links,
    }
end

handlers.account = core.handler(function(request, _, account)
    if request.params.Sid ~= account.sid then
        core.not_found(request)
    end
    emit.json(show_account(account))
end)

handlers.balance = core.handler(function(_, _, account)
    emit.json({ account_sid = account.sid, balance = "100.00", currency = "USD" })
end)

return handlers

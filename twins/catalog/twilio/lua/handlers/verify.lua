-- Verify: services, verifications and checks of their codes.

local core = wt.import("core")

local handlers = {}

-- How long a code is good for, how often it is sent, how often it may be tried.
--
-- Source: Twilio's documentation, "Verify: rate limits and timeouts".
local LIFE, SENDS_MAX, CHECKS_MAX = 600, 5, 5

local FIELDS = { FriendlyName = "friendly_name", CodeLength = "code_length", TtsName = "tts_name", DefaultTemplateSid = "default_template_sid" }
local FLAGS = { LookupEnabled = "lookup_enabled", SkipSmsToLandlines = "skip_sms_to_landlines", DtmfInputRequired = "dtmf_input_required", Psd2Enabled = "psd2_enabled", DoNotShareWarningEnabled = "do_not_share_warning_enabled", CustomCodeEnabled = "custom_code_enabled", VerifyEventSubscriptionEnabled = "verify_event_subscription_enabled" }

local function show(request, account, service)
    local url, shown = core.api(request) .. "/v2/Services/" .. service.sid, {}
    for _, name in FLAGS do shown[name] = service[name] end
    for _, name in { "friendly_name", "tts_name", "default_template_sid" } do shown[name] = core.null(service[name]) end
    shown.sid, shown.account_sid, shown.code_length, shown.url = service.sid, account.sid, service.code_length, url
    shown.date_created, shown.date_updated = core.iso(service.created), core.iso(service.updated)
    shown.push = { include_date = false, apn_credential_sid = wt.null, fcm_credential_sid = wt.null }
    shown.totp = { issuer = service.friendly_name, time_step = 30, code_length = 6, skew = 1 }
    shown.whatsapp = { msg_service_sid = wt.null, from = wt.null }
    shown.links = {}
    for name, path in { verifications = "Verifications", verification_checks = "VerificationCheck", rate_limits = "RateLimits", entities = "Entities", webhooks = "Webhooks", access_tokens = "AccessTokens", messaging_configurations = "MessagingConfigurations" } do
        shown.links[name] = url .. "/" .. path
    end
    return shown
end

local function take(service, given)
    local length = given.CodeLength and tonumber(given.CodeLength)
    if given.CodeLength and (not length or length < 4 or length > 10) then
        core.fail(400, 60200, "Invalid parameter: CodeLength")
    end
    for name, own in FIELDS do
        if given[name] ~= nil then service[own] = if own == "code_length" then length else given[name] end
    end
    for name, own in FLAGS do
        if given[name] ~= nil then service[own] = core.flag(given[name], false) end
    end
    service.updated = core.now()
    state.put("/v2/Services", service.sid, service)
end

handlers.create_service = core.handler(function(request, given, account)
    if not given.FriendlyName or given.FriendlyName == "" then
        core.fail(400, 60200, "Invalid parameter: FriendlyName")
    end
    local service = { sid = core.sid("VA"), created = core.now(), code_length = 6, lookup_enabled = false, skip_sms_to_landlines = false, dtmf_input_required = true, psd2_enabled = false, do_not_share_warning_enabled = false, custom_code_enabled = false, verify_event_subscription_enabled = false }
    take(service, given)
    emit.status(201)
    emit.json(show(request, account, service))
end)

local function find_service(request, sid)
    local service = state.get("/v2/Services", sid)
    if not service then
        core.not_found(request)
    end
    return service
end

handlers.service = core.handler(function(request, _, account)
    emit.json(show(request, account, find_service(request, request.params.Sid)))
end)

handlers.services = core.handler(function(request, _, account)
    core.page(request, "/v2/Services", { reverse = true }, "services", function(service) return show(request, account, service) end)
end)

handlers.update_service = core.handler(function(request, given, account)
    local service = find_service(request, request.params.Sid)
    take(service, given)
    emit.json(show(request, account, service))
end)

handlers.delete_service = core.handler(function(request)
    state.delete("/v2/Services", find_service(request, request.params.Sid).sid)
    core.no_content()
end)

-- Verifications

local function status_of(verification)
    if verification.status == "pending" and core.now() >= verification.created + LIFE then
        return "expired"
    end
    return verification.status
end

local function show_verification(request, account, verification)
    local attempts = wt.array({})
    for index, attempt in verification.attempts do
        attempts[index] = { attempt_sid = attempt.sid, channel = attempt.channel, time = core.iso(attempt.at) }
    end
    return {
        sid = verification.sid, service_sid = verification.service, account_sid = account.sid, to = verification.to, channel = verification.channel,
        status = status_of(verification), valid = verification.status == "approved", amount = wt.null, payee = wt.null, lookup = {}, sna = wt.null,
        date_created = core.iso(verification.created), date_updated = core.iso(verification.updated), send_code_attempts = attempts,
        url = core.api(request) .. "/v2/Services/" .. verification.service .. "/Verifications/" .. verification.sid,
    }
end

local function keep(verification)
    verification.updated = core.now()
    state.put("/v2/Services/" .. verification.service .. "/Verifications", verification.sid, verification)
end

-- The verification of an address that is under way; nil where there is none.
local function pending(service, to)
    local found = wt.select("/v2/Services/" .. service.sid .. "/Verifications", { where = { to = to, status = "pending" }, reverse = true, limit = 1 })[1]
    return found and status_of(found) == "pending" and found or nil
end

local CHANNELS = { sms = true, call = true, email = true, whatsapp = true, auto = true }

local function address(to, channel)
    if channel == "email" then
        return string.match(to, "^[^@%s]+@[^@%s]+%.[^@%s]+$")
    end
    return string.sub(to, 1, 1) == "+" and core.number(to) or nil
end

handlers.start = core.handler(function(request, given, account)
    local service = find_service(request, request.params.ServiceSid)
    local channel = given.Channel
    if not given.To or given.To == "" then
        core.fail(400, 60200, "Invalid parameter: To")
    elseif not channel or not CHANNELS[channel] then
        core.fail(400, 60200, "Invalid parameter: Channel")
    end
    local to = address(given.To, channel)
    if not to then
        core.fail(400, 60200, "Invalid parameter `To`: " .. given.To)
    end
    if given.CustomCode and not service.custom_code_enabled then
        core.fail(403, 60204, "Service does not allow custom code.")
    end
    local now = core.now()
    local verification = pending(service, to)
    if verification and #verification.attempts >= SENDS_MAX then
        core.fail(429, 60203, "Max send attempts reached")
    end
    if not verification then
        local sid = core.sid("VE")
        local number = tonumber(string.sub(wt.crypto.sha256("code:" .. sid), 1, 12), 16)
        local code = string.sub(string.rep("0", service.code_length) .. string.format("%.0f", number % 10 ^ service.code_length), -service.code_length)
        verification = { sid = sid, service = service.sid, to = to, status = "pending", created = now, code = given.CustomCode or code, checks = 0, attempts = wt.array({}) }
    end
    verification.channel = if channel == "auto" then "sms" else channel
    verification.attempts = core.list(verification.attempts)
    table.insert(verification.attempts, { sid = core.sid("VL"), channel = verification.channel, at = now })
    keep(verification)
    emit.status(201)
    emit.json(show_verification(request, account, verification))
end)

local function find(request)
    local service, name = find_service(request, request.params.ServiceSid), request.params.Sid
    local verification = state.get("/v2/Services/" .. service.sid .. "/Verifications", name) or pending(service, name)
    if not verification or status_of(verification) == "expired" then
        core.not_found(request)
    end
    return verification
end

handlers.get = core.handler(function(request, _, account)
    emit.json(show_verification(request, account, find(request)))
end)

handlers.update = core.handler(function(request, given, account)
    local verification = find(request)
    if given.Status ~= "approved" and given.Status ~= "canceled" then
        core.fail(400, 60200, "Invalid parameter: Status")
    elseif verification.status ~= "pending" then
        core.fail(404, 20404, "The requested resource " .. request.path .. " was not found")
    end
    verification.status = given.Status
    keep(verification)
    emit.json(show_verification(request, account, verification))
end)

handlers.check = core.handler(function(request, given, account)
    local service = find_service(request, request.params.ServiceSid)
    if not given.To and not given.VerificationSid then
        core.fail(400, 60200, "Missing required parameter: To or VerificationSid")
    elseif not given.Code or given.Code == "" then
        core.fail(400, 60200, "Missing required parameter: Code")
    end
    local verification = if given.VerificationSid then state.get("/v2/Services/" .. service.sid .. "/Verifications", given.VerificationSid) else pending(service, given.To)
    -- What is approved, expired or called off is gone.
    if not verification or status_of(verification) ~= "pending" then
        core.fail(404, 20404, "The requested resource /Services/" .. service.sid .. "/VerificationCheck was not found")
    end
    if verification.checks >= CHECKS_MAX then
        core.fail(429, 60202, "Max check attempts reached")
    end
    verification.checks += 1
    local right = tostring(given.Code) == verification.code
    if right then
        verification.status = "approved"
    end
    keep(verification)
    emit.status(201)
    emit.json({
        sid = verification.sid, service_sid = service.sid, account_sid = account.sid, to = verification.to, channel = verification.channel, status = verification.status,
        valid = right, amount = wt.null, payee = wt.null, sna_attempts_error_codes = wt.array({}), date_created = core.iso(verification.created), date_updated = core.iso(verification.updated),
    })
end)

return handlers

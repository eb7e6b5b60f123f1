-- Messaging services.

local core = wt.import("core")

local handlers = {}

local TEXTS = { FriendlyName = "friendly_name", InboundRequestUrl = "inbound_request_url", InboundMethod = "inbound_method", FallbackUrl = "fallback_url", FallbackMethod = "fallback_method", StatusCallback = "status_callback", ScanMessageContent = "scan_message_content", Usecase = "usecase" }
local FLAGS = { StickySender = "sticky_sender", MmsConverter = "mms_converter", SmartEncoding = "smart_encoding", FallbackToLongCode = "fallback_to_long_code", AreaCodeGeomatch = "area_code_geomatch", SynchronousValidation = "synchronous_validation", UseInboundWebhookOnNumber = "use_inbound_webhook_on_number" }

local function show(request, account, service)
    local url = core.api(request) .. "/v1/Services/" .. service.sid
    local shown = {
        sid = service.sid, account_sid = account.sid, date_created = core.iso(service.created), date_updated = core.iso(service.updated), url = url,
        validity_period = service.validity_period or 14400, us_app_to_person_registered = false,
        links = { phone_numbers = url .. "/PhoneNumbers", short_codes = url .. "/ShortCodes", alpha_senders = url .. "/AlphaSenders" },
    }
    for _, name in TEXTS do shown[name] = core.null(service[name]) end
    for _, name in FLAGS do shown[name] = service[name] end
    return shown
end

local function take(service, given)
    for name, own in TEXTS do
        if given[name] ~= nil then service[own] = given[name] end
    end
    for name, own in FLAGS do
        if given[name] ~= nil then service[own] = core.flag(given[name], false) end
    end
    service.validity_period = tonumber(given.ValidityPeriod) or service.validity_period
    service.updated = core.now()
    state.put("/v1/Services", service.sid, service)
end

handlers.create = core.handler(function(request, given, account)
    if not given.FriendlyName or given.FriendlyName == "" then
        core.fail(400, 20001, "Missing required parameter FriendlyName in the post body")
    end
    local service = {
        sid = core.sid("MG"), created = core.now(), inbound_method = "POST", fallback_method = "POST", scan_message_content = "inherit", usecase = "undeclared",
        sticky_sender = true, mms_converter = true, smart_encoding = true, fallback_to_long_code = true, area_code_geomatch = true, synchronous_validation = false,
        use_inbound_webhook_on_number = false,
    }
    take(service, given)
    emit.status(201)
    emit.json(show(request, account, service))
end)

local function find(request, sid)
    local service = state.get("/v1/Services", sid)
    if not service then
        core.not_found(request)
    end
    return service
end

handlers.get = core.handler(function(request, _, account)
    emit.json(show(request, account, find(request, request.params.Sid)))
end)

handlers.list = core.handler(function(request, _, account)
    core.page(request, "/v1/Services", { reverse = true }, "services", function(service) return show(request, account, service) end)
end)

handlers.update = core.handler(function(request, given, account)
    local service = find(request, request.params.Sid)
    take(service, given)
    emit.json(show(request, account, service))
end)

handlers.delete = core.handler(function(request)
    state.delete("/v1/Services", find(request, request.params.Sid).sid)
    core.no_content()
end)

-- Numbers of a service

local function numbers(request)
    return "/v1/Services/" .. find(request, request.params.ServiceSid).sid .. "/PhoneNumbers"
end

local function show_number(request, account, number)
    return {
        sid = number.sid, account_sid = account.sid, service_sid = request.params.ServiceSid, phone_number = number.phone_number, country_code = "US",
        capabilities = wt.array({ "Voice", "SMS", "MMS" }), date_created = core.iso(number.created), date_updated = core.iso(number.created),
        url = core.api(request) .. "/v1/Services/" .. request.params.ServiceSid .. "/PhoneNumbers/" .. number.sid,
    }
end

handlers.add_number = core.handler(function(request, given, account)
    local kind = numbers(request)
    local own = state.get("/2010-04-01/Accounts/" .. account.sid .. "/IncomingPhoneNumbers", given.PhoneNumberSid)
    if not own then
        core.fail(404, 20404, "The requested resource " .. tostring(given.PhoneNumberSid) .. " was not found")
    elseif state.get(kind, own.sid) then
        core.fail(409, 21710, "Phone Number or Short Code is already in the Messaging Service.")
    end
    local number = { sid = own.sid, phone_number = own.phone_number, created = core.now() }
    state.put(kind, number.sid, number)
    emit.status(201)
    emit.json(show_number(request, account, number))
end)

handlers.numbers = core.handler(function(request, _, account)
    core.page(request, numbers(request), {}, "phone_numbers", function(number) return show_number(request, account, number) end)
end)

local function find_number(request)
    local kind = numbers(request)
    local number = state.get(kind, request.params.Sid)
    if not number then
        core.not_found(request)
    end
    return kind, number
end

handlers.number = core.handler(function(request, _, account)
    local _, number = find_number(request)
    emit.json(show_number(request, account, number))
end)

handlers.remove_number = core.handler(function(request)
    local kind, number = find_number(request)
    state.delete(kind, number.sid)
    core.no_content()
end)

return handlers

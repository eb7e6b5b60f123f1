local core = wt.import("core")

local handlers = {}

-- Source: Twilio's documentation, "Test credentials".
local FROM = { ["+15005550001"] = { 21212, "Invalid 'From' Phone Number: " } }
local TO = {
    ["+15005550001"] = { 21217, "Phone number does not appear to be valid: " }, ["+15005550002"] = { 21214, "'To' phone number cannot be reached: " },
    ["+15005550003"] = { 21215, "Account not authorized to call " }, ["+15005550004"] = { 21216, "Account not allowed to call " },
}

-- Seconds after it began at which a call comes to a status; nobody hangs up before.
local STEPS = { { 0, "queued" }, { 1, "ringing" }, { 3, "in-progress" }, { 13, "completed" } }
-- The events that are told when they are asked for, and at which step.
local EVENTS = { initiated = 1, ringing = 2, answered = 3, completed = 4 }

local function place(account)
    return "/2010-04-01/Accounts/" .. account.sid .. "/Calls"
end

local function status_of(call)
    local age, status = (call.ended_at or core.now()) - call.created, "queued"
    for _, step in STEPS do
        if age >= step[1] then status = step[2] end
    end
    return if call.ended_at then call.ended_as else status
end

local function show(account, call)
    local status, base = status_of(call), "/2010-04-01/Accounts/" .. account.sid .. "/Calls/" .. call.sid
    local started = if status == "in-progress" or status == "completed" then call.created + 3 else nil
    local ended = if status == "completed" or status == "canceled" then call.ended_at or call.created + 13 else nil
    local links = {}
    for name, path in { notifications = "Notifications", recordings = "Recordings", payments = "Payments", events = "Events", siprec = "Siprec", streams = "Streams", transcriptions = "Transcriptions", user_defined_messages = "UserDefinedMessages", user_defined_message_subscriptions = "UserDefinedMessageSubscriptions" } do
        links[name] = base .. "/" .. path .. ".json"
    end
    return {
        sid = call.sid, account_sid = account.sid, api_version = "2010-04-01", date_created = core.mail_date(call.created), date_updated = core.mail_date(ended or started or call.created),
        parent_call_sid = wt.null, to = call.to, to_formatted = call.to, from = call.from, from_formatted = call.from, phone_number_sid = core.null(call.number_sid),
        status = status, start_time = core.mail_date(started), end_time = core.mail_date(ended), duration = if ended then tostring(if started then ended - started else 0) else wt.null,
        price = wt.null, price_unit = "USD", direction = "outbound-api", answered_by = wt.null, annotation = wt.null, forwarded_from = wt.null, group_sid = wt.null,
        caller_name = wt.null, queue_time = "0", trunk_sid = wt.null, uri = base .. ".json", subresource_uris = links,
    }
end

local function tell(account, call, step)
    local status = STEPS[step][2]
    wt.tell("call." .. status, {
        CallSid = call.sid, AccountSid = account.sid, From = call.from, To = call.to, Caller = call.from, Called = call.to, CallStatus = if step == 1 then "initiated" else status,
        ApiVersion = "2010-04-01", Direction = "outbound-api", SequenceNumber = tostring(step - 1), CallbackSource = "call-progress-events",
        Timestamp = core.mail_date(call.created + STEPS[step][1]), CallDuration = if status == "completed" then "10" else nil,
    }, { url = call.callback, secret = account.token, after = call.created + STEPS[step][1] - core.now(), object = call.sid })
end

handlers.create = core.handler(function(request, given, account)
    for name, code in { To = 21201, From = 21213 } do
        if not given[name] or given[name] == "" then
            core.fail(400, code, "No '" .. name .. "' number is specified")
        end
    end
    if not given.Url and not given.Twiml and not given.ApplicationSid then
        core.fail(400, 21205, "Url parameter is required.")
    elseif given.Url and not string.match(given.Url, "^https?://") then
        core.fail(400, 21205, "Url is not a valid URL: " .. given.Url)
    end
    local is_client = string.match(given.To, "^%a+:")
    local to, from = if is_client then given.To else core.number(given.To), core.number(given.From) or given.From
    local refused = FROM[from] or to and TO[to]
    if refused then
        core.fail(400, refused[1], refused[2] .. (if FROM[from] then from else to))
    elseif not to then
        core.fail(400, 21211, "Invalid 'To' Phone Number: " .. given.To)
    end
    local call = { sid = core.sid("CA"), to = to, from = from, created = core.now(), callback = given.StatusCallback, url = given.Url, twiml = given.Twiml }
    state.put(place(account), call.sid, call)
    if call.callback then
        local wanted = given.StatusCallbackEvent or { "completed" }
        local list = if type(wanted) == "table" then wanted else string.split(wanted, " ")
        local steps = {}
        for _, name in list do
            if not EVENTS[name] then
                core.fail(400, 21626, "Invalid status callback event: " .. name)
            end
            table.insert(steps, EVENTS[name])
        end
        table.sort(steps)
        for _, step in steps do tell(account, call, step) end
    end
    emit.status(201)
    emit.json(show(account, call))
end)

local function find(request, account)
    local call = state.get(place(account), request.params.Sid)
    if not call then
        core.not_found(request)
    end
    return call
end

handlers.get = core.handler(function(request, _, account)
    emit.json(show(account, find(request, account)))
end)

handlers.list = core.handler(function(request, _, account)
    local query = request.query
    local options = core.days(request, "StartTime", "created", { where = { to = query.To, from = query.From }, reverse = true })
    core.page_2010(request, place(account), options, "calls", function(call) return show(account, call) end)
end)

handlers.update = core.handler(function(request, given, account)
    local call = find(request, account)
    local status = status_of(call)
    if given.Status or given.Url or given.Twiml then
        if status == "completed" or status == "canceled" then
            core.fail(400, 21220, "Call is not in-progress. Cannot redirect.")
        elseif given.Status == "canceled" and status == "in-progress" then
            core.fail(400, 21220, "Call is in-progress. Cannot cancel.")
        end
    end
    if given.Status == "completed" or given.Status == "canceled" then
        call.ended_at, call.ended_as = core.now(), given.Status
    end
    call.url, call.twiml = given.Url or call.url, given.Twiml or call.twiml
    state.put(place(account), call.sid, call)
    emit.json(show(account, call))
end)

handlers.delete = core.handler(function(request, _, account)
    local call = find(request, account)
    if status_of(call) ~= "completed" and status_of(call) ~= "canceled" then
        core.fail(409, 20009, "Cannot delete this resource before it is complete")
    end
    state.delete(place(account), call.sid)
    core.no_content()
end)

return handlers

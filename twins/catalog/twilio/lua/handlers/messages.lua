local core = wt.import("core")
local messages = wt.import("messages")

local handlers = {}

-- Numbers that Twilio's test credentials refuse.
--
-- Source: Twilio's documentation, "Test credentials".
local FROM = { ["+15005550001"] = 21212, ["+15005550007"] = 21606, ["+15005550008"] = 21611 }
local TO = { ["+15005550001"] = 21211, ["+15005550002"] = 21612, ["+15005550003"] = 21408, ["+15005550004"] = 21610, ["+15005550009"] = 21614 }

local function says(code, from, to)
    local texts = {
        [21211] = "Invalid 'To' Phone Number: " .. tostring(to), [21212] = "Invalid From Number (caller ID): " .. tostring(from),
        [21408] = "Permission to send an SMS or MMS has not been enabled for the region indicated by the 'To' number: " .. tostring(to) .. ".",
        [21606] = "The 'From' phone number provided (" .. tostring(from) .. ") is not a valid message-capable Twilio phone number for this destination.",
        [21610] = "Attempt to send to unsubscribed recipient", [21611] = "This 'From' number has exceeded the maximum number of queued messages",
        [21612] = "Message cannot be sent with the current combination of 'To' (" .. tostring(to) .. ") and/or 'From' (" .. tostring(from) .. ") parameters",
        [21614] = "'To' number is not a valid mobile number",
    }
    return texts[code]
end

local function refuse(code, from, to)
    core.fail(400, code, says(code, from, to))
end

-- Whether an account may send from a number: one of its own, where it has any.
local function may_send_from(account, from)
    if from == "+15005550006" then
        return true
    end
    local kind = "/2010-04-01/Accounts/" .. account.sid .. "/IncomingPhoneNumbers"
    return state.count(kind) == 0 or #state.query(kind, "phone_number", from, 1) > 0
end

local function service_of(sid)
    local service = state.get("/v1/Services", sid)
    if not service then
        core.fail(400, 21703, "The Messaging Service does not exist: " .. tostring(sid))
    end
    return service
end

handlers.create = core.handler(function(request, given, account)
    local to, from, service = given.To, given.From, nil
    if not to or to == "" then
        core.fail(400, 21604, "A 'To' phone number is required.")
    end
    if given.MessagingServiceSid then
        service = service_of(given.MessagingServiceSid)
        local first = state.list("/v1/Services/" .. service.sid .. "/PhoneNumbers")[1]
        from = from or first and first.phone_number
    elseif not from or from == "" then
        core.fail(400, 21603, "A 'From' phone number is required.")
    end
    local media = if type(given.MediaUrl) == "table" then given.MediaUrl elseif given.MediaUrl then { given.MediaUrl } else {}
    if (given.Body == nil or given.Body == "") and #media == 0 and not given.ContentSid then
        core.fail(400, 21602, "Message body is required.")
    end
    local body = tostring(given.Body or "")
    if (utf8.len(body) or #body) > 1600 then
        core.fail(400, 21617, "The concatenated message body exceeds the 1600 character limit")
    end
    -- Channels other than SMS have addresses of their own: `whatsapp:+1…`.
    local channel = string.match(tostring(to), "^(%a+):")
    local bare = if channel then core.number(string.match(to, ":(.+)$")) else core.number(to)
    if not bare then
        refuse(21211, from, to)
    end
    to = if channel then channel .. ":" .. bare else bare
    if TO[to] then refuse(TO[to], from, to) end
    local is_number = from and string.match(from, "^%+?%d[%d%s%-%(%)]+$")
    from = is_number and core.number(from) or from
    if FROM[from] then refuse(FROM[from], from, to) end
    if is_number and not service and #string.gsub(from, "%D", "") > 6 and not may_send_from(account, from) then
        refuse(21606, from, to)
    end
    local now = core.now()
    local message = {
        sid = core.sid(if #media > 0 then "MM" else "SM"), to = to, from = from, body = body, service = service and service.sid, created = now, updated = now,
        direction = "outbound-api", callback = given.StatusCallback or service and core.null(service.status_callback) ~= wt.null and service.status_callback or nil, sends_at = now,
    }
    if given.ScheduleType then
        local at = wt.time.parse(given.SendAt or "")
        if not service then
            core.fail(400, 35118, "MessagingServiceSid is required to schedule a message")
        elseif not at then
            core.fail(400, 35111, "SendAt timestamp is missing")
        elseif at < now + 300 or at > now + 35 * 86400 then
            core.fail(400, 35114, "SendAt time must be between 300 seconds and 35 days (3024000 seconds) in the future")
        end
        message.sends_at, message.is_scheduled = at, true
    elseif service then
        -- A service takes a second to choose a sender.
        message.sends_at = now + 1
    end
    message.media = wt.array({})
    for index, url in media do
        local one = { sid = core.sid("ME"), url = url, content_type = "image/jpeg", created = now }
        table.insert(message.media, one)
    end
    state.put(messages.place(account), message.sid, message)
    if not message.is_scheduled then
        messages.tell(account, message)
    end
    emit.status(201)
    emit.json(messages.show(account, message))
end)

local function find(request, account, sid)
    local message = state.get(messages.place(account), sid or request.params.Sid)
    if not message then
        core.not_found(request)
    end
    return message
end

handlers.get = core.handler(function(request, _, account)
    emit.json(messages.show(account, find(request, account)))
end)

handlers.list = core.handler(function(request, _, account)
    local query = request.query
    local options = core.days(request, "DateSent", "sends_at", { where = { to = query.To and core.number(query.To) or query.To, from = query.From and core.number(query.From) or query.From }, reverse = true })
    core.page_2010(request, messages.place(account), options, "messages", function(message) return messages.show(account, message) end)
end)

-- An empty body takes the text away; a message that is not sent yet can be called off.
handlers.update = core.handler(function(request, given, account)
    local message = find(request, account)
    local status = messages.status(message)
    if given.Body == "" then
        if status ~= "delivered" and status ~= "sent" and status ~= "canceled" and status ~= "failed" then
            core.fail(400, 20009, "Cannot update this resource before it is complete")
        end
        message.body = ""
    elseif given.Body then
        core.fail(400, 20001, "Body can only be updated to an empty string")
    end
    if given.Status == "canceled" then
        if status ~= "scheduled" then
            core.fail(409, 30409, "Message is not in a state that can be canceled")
        end
        message.status = "canceled"
    end
    message.updated = core.now()
    state.put(messages.place(account), message.sid, message)
    emit.json(messages.show(account, message))
end)

handlers.delete = core.handler(function(request, _, account)
    local message = find(request, account)
    local status = messages.status(message)
    if status == "queued" or status == "sending" or status == "accepted" or status == "scheduled" then
        core.fail(409, 20009, "Cannot delete this resource before it is complete")
    end
    state.delete(messages.place(account), message.sid)
    core.no_content()
end)

handlers.feedback = core.handler(function(request, given, account)
    local message = find(request, account, request.params.MessageSid)
    local now = core.mail_date(core.now())
    emit.status(201)
    emit.json({
        account_sid = account.sid, message_sid = message.sid, outcome = given.Outcome or "confirmed", date_created = now, date_updated = now,
        uri = "/2010-04-01/Accounts/" .. account.sid .. "/Messages/" .. message.sid .. "/Feedback.json",
    })
end)

-- Media

local function show_media(account, message, media)
    return {
        sid = media.sid, account_sid = account.sid, parent_sid = message.sid, content_type = media.content_type, date_created = core.mail_date(media.created),
        date_updated = core.mail_date(media.created), uri = "/2010-04-01/Accounts/" .. account.sid .. "/Messages/" .. message.sid .. "/Media/" .. media.sid .. ".json",
    }
end

handlers.media = core.handler(function(request, _, account)
    local message = find(request, account, request.params.MessageSid)
    local list = core.list(message.media, function(media) return show_media(account, message, media) end)
    emit.json({
        media_list = list, page = 0, page_size = 50, start = 0, ["end"] = math.max(#list - 1, 0), uri = request.path, first_page_uri = request.path,
        next_page_uri = wt.null, previous_page_uri = wt.null,
    })
end)

local function find_media(request, account)
    local message = find(request, account, request.params.MessageSid)
    for index, media in message.media or {} do
        if media.sid == request.params.Sid then
            return message, media, index
        end
    end
    core.not_found(request)
end

handlers.one_media = core.handler(function(request, _, account)
    local message, media = find_media(request, account)
    emit.json(show_media(account, message, media))
end)

handlers.delete_media = core.handler(function(request, _, account)
    local message, _, index = find_media(request, account)
    table.remove(message.media, index)
    state.put(messages.place(account), message.sid, message)
    core.no_content()
end)

return handlers

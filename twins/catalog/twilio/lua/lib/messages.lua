-- Messages: what becomes of them as time goes, and what is told of it.

local core = wt.import("core")

local messages = {}

-- Seconds after it was accepted at which a message comes to a status.
--
-- Source: Twilio's documentation, "Message statuses"; how long each lasts differs, here a second.
local STEPS = { { 0, "queued" }, { 1, "sending" }, { 2, "sent" }, { 3, "delivered" } }

function messages.place(account)
    return "/2010-04-01/Accounts/" .. account.sid .. "/Messages"
end

-- How a message stands now.
function messages.status(message)
    if message.status then
        return message.status
    end
    local age, status = core.now() - message.sends_at, "scheduled"
    for _, step in STEPS do
        if age >= step[1] then status = step[2] end
    end
    return if status == "scheduled" and not message.is_scheduled then "accepted" else status
end

function messages.show(account, message)
    local uri = "/2010-04-01/Accounts/" .. account.sid .. "/Messages/" .. message.sid
    local status = messages.status(message)
    local sent_at = if status == "sent" or status == "delivered" then message.sends_at + 2 else nil
    local body = message.body or ""
    local is_plain = not string.find(body, "[\128-\255]")
    local length = utf8.len(body) or #body
    local single, several = if is_plain then 160 else 70, if is_plain then 153 else 67
    return {
        sid = message.sid, account_sid = account.sid, api_version = "2010-04-01", body = body, date_created = core.mail_date(message.created),
        date_updated = core.mail_date(math.max(message.updated, math.min(sent_at or 0, core.now()))), date_sent = core.mail_date(sent_at),
        direction = message.direction, error_code = core.null(message.error_code), error_message = core.null(message.error_message),
        from = core.null(message.from), to = message.to, messaging_service_sid = core.null(message.service), num_media = tostring(#(message.media or {})),
        num_segments = tostring(if length <= single then 1 else math.ceil(length / several)), price = wt.null, price_unit = "USD", status = status,
        uri = uri .. ".json", subresource_uris = { media = uri .. "/Media.json" },
    }
end

-- Tells the steps to come to the address that was given, each at its time.
function messages.tell(account, message)
    if not message.callback then
        return
    end
    for index = 3, #STEPS do
        local at, status = message.sends_at + STEPS[index][1], STEPS[index][2]
        wt.tell("message." .. status, {
            SmsSid = message.sid, SmsStatus = status, MessageStatus = status, To = message.to, MessageSid = message.sid, AccountSid = account.sid,
            From = message.from, MessagingServiceSid = message.service, ApiVersion = "2010-04-01",
        }, { url = message.callback, secret = account.token, after = at - core.now(), object = message.sid })
    end
end

return messages

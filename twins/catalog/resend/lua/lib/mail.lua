-- Emails: checking, sending, and what is told of them.

local core = wt.import("core")

local mail = {}

-- What becomes of mail to Resend's own test addresses, with or without `+label`; all other mail is delivered.
--
-- Source: Resend's documentation, "Send test emails".
local FATES = { bounced = "bounced", complained = "complained", suppressed = "suppressed", delivered = "delivered" }
-- Seconds from sent to delivered or bounced, and on to a complaint.
local DELIVERED, COMPLAINED = 1, 2

local function fate(email)
    for _, to in email.to do
        local address = string.lower(core.address(to) or "")
        if state.get("/suppressed", address) then
            return "suppressed"
        end
        local name = string.match(address, "^(%a+)%+?[^@]*@resend%.dev$")
        if name and FATES[name] then
            return FATES[name]
        end
    end
    return "delivered"
end

-- What an email came to last.
function mail.last_event(email)
    if email.canceled then
        return "canceled"
    end
    local age = core.now() - email.sends_at
    if age < 0 then
        return "scheduled"
    elseif email.fate == "suppressed" then
        return "suppressed"
    elseif age < DELIVERED then
        return "sent"
    elseif email.fate == "bounced" then
        return "bounced"
    end
    return if email.fate == "complained" and age >= COMPLAINED then "complained" else "delivered"
end

function mail.show(email)
    return {
        object = "email", id = email.id, to = core.list(email.to), from = email.from, created_at = core.written(email.created), subject = core.null(email.subject),
        html = core.null(email.html), text = core.null(email.text), bcc = core.list(email.bcc), cc = core.list(email.cc), reply_to = core.list(email.reply_to),
        last_event = mail.last_event(email), scheduled_at = if email.is_scheduled then core.written(email.sends_at) else wt.null, tags = core.list(email.tags),
        message_id = "<" .. email.id .. "@resend.dev>",
    }
end

-- Checks what is to be sent.
function mail.check(given)
    for _, field in { "from", "to" } do
        if given[field] == nil or given[field] == "" or given[field] == wt.null then
            core.missing(field)
        end
    end
    if not core.address(given.from) then
        core.invalid("Invalid `from` field. The email address needs to follow the `email@example.com` or `Name <email@example.com>` format.")
    end
    local to = core.several(given.to)
    if #to == 0 then
        core.missing("to")
    elseif #to > 50 then
        core.invalid("The `to` field must contain at most 50 items.")
    end
    for _, field in { "to", "cc", "bcc", "reply_to" } do
        for _, address in core.several(given[field]) do
            if not core.address(address) then
                core.invalid("Invalid `" .. field .. "` field. The email address needs to follow the `email@example.com` or `Name <email@example.com>` format.")
            end
        end
    end
    if not given.template then
        if given.subject == nil then
            core.missing("subject")
        elseif (given.html == nil or given.html == wt.null) and (given.text == nil or given.text == wt.null) then
            core.invalid("Missing `html` or `text` field.")
        end
    end
    for _, attachment in given.attachments or {} do
        if not attachment.content and not attachment.path then
            core.fail(422, "invalid_attachment", "Attachment must have either a `content` or `path`.")
        end
    end
    local domain = string.match(core.address(given.from), "@(.+)$")
    for _, one in state.query("/domains", "name", string.lower(domain)) do
        if not one.verified_at or core.now() < one.verified_at then
            core.fail(403, "validation_error", "The " .. domain .. " domain is not verified. Please, add and verify your domain on https://resend.com/domains")
        end
    end
end

local function tags(email)
    local named = {}
    for _, tag in email.tags or {} do named[tag.name] = tag.value or "" end
    return named
end

local function tell(email, name, at, more)
    local data = {
        broadcast_id = email.broadcast_id, created_at = core.iso(email.created), email_id = email.id, from = email.from, to = core.list(email.to), subject = email.subject or "",
        tags = if email.tags and #email.tags > 0 then tags(email) else nil,
    }
    for key, value in more or {} do
        data[key] = value
    end
    wt.tell(name, { type = name, created_at = core.iso(at), data = data }, { after = math.max(at - core.now(), 0), object = "email " .. email.id })
end

-- Tells what is to come of an email, each at its time.
function mail.tell(email)
    local at = email.sends_at
    if email.fate == "suppressed" then
        return tell(email, "email.suppressed", at, { suppressed = { message = "Resend has suppressed sending to this address because it is on the account-level suppression list.", type = "OnAccountSuppressionList" } })
    end
    tell(email, "email.sent", at)
    if email.fate == "bounced" then
        return tell(email, "email.bounced", at + DELIVERED, { bounce = {
            message = "The recipient's email provider sent a hard bounce message.", subType = "General", type = "Permanent", diagnosticCode = wt.array({ "smtp; 550 5.5.0 Requested action not taken: mailbox unavailable" }),
        } })
    end
    tell(email, "email.delivered", at + DELIVERED)
    if email.fate == "complained" then
        tell(email, "email.complained", at + COMPLAINED)
    end
end

-- Sends what was checked; the email.
function mail.send(given, more)
    local now = core.now()
    local email = {
        id = core.uuid(), from = given.from, to = core.several(given.to), cc = core.several(given.cc), bcc = core.several(given.bcc), reply_to = core.several(given.reply_to),
        subject = given.subject, html = given.html, text = given.text, tags = core.list(given.tags), headers = given.headers, created = now, sends_at = now,
        attachments = core.list(given.attachments, function(one)
            return { id = core.uuid(), filename = one.filename or string.match(one.path or "", "[^/]+$"), content_type = one.content_type or "application/octet-stream", size = #(one.content or "") // 4 * 3 }
        end),
    }
    for name, value in more or {} do email[name] = value end
    if given.template then
        local template = state.get("/templates", given.template.id)
        email.html, email.subject, email.template_id = template and template.html or "", given.subject or template and template.subject, given.template.id
    end
    if given.scheduled_at ~= nil and given.scheduled_at ~= wt.null then
        email.sends_at, email.is_scheduled = core.time_to_come(given.scheduled_at), true
        tell(email, "email.scheduled", now)
    end
    email.fate = fate(email)
    state.put("/emails", email.id, email)
    mail.tell(email)
    return email
end

-- Sends an email at another time, or not at all.
function mail.move(email, at)
    wt.untell("email " .. email.id)
    if at then
        email.sends_at = at
        mail.tell(email)
    else
        email.canceled = true
    end
    state.put("/emails", email.id, email)
end

return mail

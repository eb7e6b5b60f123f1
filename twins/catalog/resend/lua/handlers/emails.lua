local core = wt.import("core")
local mail = wt.import("mail")

local emails = {}

emails.send = core.handler(function(_, given)
    mail.check(given)
    return { id = mail.send(given).id }
end)

-- All or none: what cannot be sent stops the others, unless the request says to go on.
emails.batch = core.handler(function(request, given)
    if #given == 0 then
        core.invalid("The batch must contain at least one email.")
    elseif #given > 100 then
        core.invalid("The batch must contain at most 100 emails.")
    end
    local permissive = request.headers["x-batch-validation"] == "permissive"
    local sent, errors = wt.array({}), wt.array({})
    for index, one in given do
        local done, refused = pcall(mail.check, one)
        if not done and not permissive then
            error(refused)
        elseif not done then
            table.insert(errors, { index = index - 1, message = refused.body.message })
        end
        one.checked = done
    end
    for _, one in given do
        if one.checked then
            table.insert(sent, { id = mail.send(one).id })
        end
    end
    return { data = sent, errors = if permissive then errors else nil }
end)

local function find(request)
    local email = state.get("/emails", request.params.email_id)
    if not email then
        core.not_found("Email")
    end
    return email
end

emails.get = core.handler(function(request)
    return mail.show(find(request))
end)

emails.list = core.handler(function(request)
    return core.page(request, "/emails", mail.show)
end)

local function find_scheduled(request)
    local email = find(request)
    if mail.last_event(email) ~= "scheduled" then
        core.invalid("Email cannot be changed: it is not scheduled, or has been sent.")
    end
    return email
end

emails.update = core.handler(function(request, given)
    local email = find_scheduled(request)
    if given.scheduled_at == nil then
        core.missing("scheduled_at")
    end
    mail.move(email, core.time_to_come(given.scheduled_at))
    return { object = "email", id = email.id }
end)

emails.cancel = core.handler(function(request)
    local email = find_scheduled(request)
    mail.move(email, nil)
    return { object = "email", id = email.id }
end)

local function show_attachment(attachment)
    return { object = "attachment", id = attachment.id, filename = attachment.filename, size = attachment.size, content_type = attachment.content_type, content_disposition = "attachment", content_id = wt.null, download_url = "https://resend.dev/attachments/" .. attachment.id, expires_at = core.iso(core.now() + 3600) }
end

emails.attachments = core.handler(function(request)
    return { object = "list", has_more = false, data = core.list(find(request).attachments, show_attachment) }
end)

emails.attachment = core.handler(function(request)
    for _, one in find(request).attachments or {} do
        if one.id == request.params.attachment_id then
            return show_attachment(one)
        end
    end
    core.not_found("Attachment")
end)

return emails

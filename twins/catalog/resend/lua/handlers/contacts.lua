-- People who get mail together: contacts, segments (of old: audiences), broadcasts, suppressions.

local core = wt.import("core")
local mail = wt.import("mail")

local contacts = {}

-- Segments and audiences are one and the same.
local function find_segment(id)
    local segment = id and state.get("/segments", id)
    if not segment then
        core.not_found("Audience")
    end
    return segment
end

local function segments_of(object)
    return {
        create = core.handler(function(_, given)
            if type(given.name) ~= "string" or given.name == "" then
                core.missing("name")
            end
            local segment = { id = core.uuid(), name = given.name, created = core.now() }
            state.put("/segments", segment.id, segment)
            return { object = object, id = segment.id, name = segment.name }
        end, 201),
        get = core.handler(function(request)
            local segment = find_segment(request.params.id)
            return { object = object, id = segment.id, name = segment.name, created_at = core.written(segment.created) }
        end),
        list = core.handler(function(request)
            return core.page(request, "/segments", function(segment) return { id = segment.id, name = segment.name, created_at = core.written(segment.created) } end)
        end),
        delete = core.handler(function(request)
            local segment = find_segment(request.params.id)
            state.delete("/segments", segment.id)
            return { object = object, id = segment.id, deleted = true }
        end),
    }
end

local audiences, segments = segments_of("audience"), segments_of("segment")
contacts.create_audience, contacts.audience, contacts.audiences, contacts.delete_audience = audiences.create, audiences.get, audiences.list, audiences.delete
contacts.create_segment, contacts.segment, contacts.segments, contacts.delete_segment = segments.create, segments.get, segments.list, segments.delete

-- Contacts

local function show(contact)
    return {
        object = "contact", id = contact.id, email = contact.email, first_name = core.null(contact.first_name), last_name = core.null(contact.last_name),
        created_at = core.written(contact.created), unsubscribed = contact.unsubscribed or false, properties = contact.properties or {},
    }
end

local function by_email(email)
    return state.query("/contacts", "email", string.lower(email), 1)[1]
end

-- A contact by its id or address.
local function find(request)
    local name = request.params.id or request.params.contact or request.params.contact_id
    local contact = state.get("/contacts", name) or by_email(name)
    if not contact or request.params.audience_id and not table.find(contact.segments, request.params.audience_id) then
        core.not_found("Contact")
    end
    return contact
end

local function keep(contact)
    state.put("/contacts", contact.id, contact)
end

local function tell(name, contact)
    local data = show(contact)
    data.object, data.updated_at, data.segment_ids = nil, core.iso(core.now()), core.list(contact.segments)
    data.created_at, data.audience_id = core.iso(contact.created), contact.segments[1]
    wt.tell(name, { type = name, created_at = core.iso(core.now()), data = data }, { object = "contact " .. contact.id })
end

contacts.create = core.handler(function(request, given)
    if not core.address(given.email) then
        if given.email == nil then core.missing("email") end
        core.invalid("Invalid `email` field. The email address needs to follow the `email@example.com` format.")
    end
    local wanted = core.list(given.segments, function(one) return if type(one) == "table" then one.id else one end)
    local audience = request.params.audience_id or core.null(given.audience_id) ~= wt.null and given.audience_id or nil
    if audience then table.insert(wanted, audience) end
    for _, id in wanted do find_segment(id) end
    -- Who is there already is not made again.
    local contact = by_email(given.email) or { id = core.uuid(), email = string.lower(given.email), created = core.now(), segments = wt.array({}) }
    local is_new = not state.get("/contacts", contact.id)
    for _, name in { "first_name", "last_name", "unsubscribed", "properties" } do
        if given[name] ~= nil then contact[name] = given[name] end
    end
    contact.segments = core.list(contact.segments)
    for _, id in wanted do
        if not table.find(contact.segments, id) then table.insert(contact.segments, id) end
    end
    keep(contact)
    tell(if is_new then "contact.created" else "contact.updated", contact)
    return { object = "contact", id = contact.id }
end, 201)

contacts.get = core.handler(function(request) return show(find(request)) end)

contacts.list = core.handler(function(request)
    local segment = request.params.audience_id or request.params.segment_id or request.query.segment_id or request.query.audience_id
    if segment then find_segment(segment) end
    return core.page(request, "/contacts", show, if segment then { segments = segment } else nil)
end)

contacts.update = core.handler(function(request, given)
    local contact = find(request)
    for _, name in { "first_name", "last_name", "unsubscribed", "properties" } do
        if given[name] ~= nil then contact[name] = given[name] end
    end
    keep(contact)
    tell("contact.updated", contact)
    return { object = "contact", id = contact.id }
end)

contacts.delete = core.handler(function(request)
    local contact = find(request)
    state.delete("/contacts", contact.id)
    tell("contact.deleted", contact)
    return { object = "contact", contact = request.params.contact or contact.id, id = contact.id, deleted = true }
end)

contacts.segments_of = core.handler(function(request)
    local contact, data = find(request), wt.array({})
    for _, id in contact.segments do
        local segment = state.get("/segments", id)
        if segment then table.insert(data, { id = id, name = segment.name, created_at = core.written(segment.created) }) end
    end
    return { object = "list", data = data, has_more = false }
end)

contacts.join = core.handler(function(request)
    local contact, segment = find(request), find_segment(request.params.segment_id)
    contact.segments = core.list(contact.segments)
    if not table.find(contact.segments, segment.id) then table.insert(contact.segments, segment.id) end
    keep(contact)
    return { id = segment.id }
end)

contacts.leave = core.handler(function(request)
    local contact = find(request)
    local at = table.find(contact.segments, request.params.segment_id)
    if at then table.remove(contact.segments, at) end
    keep(contact)
    return { id = request.params.segment_id, deleted = true }
end)

-- Suppressions

local function show_suppression(one)
    return { object = "suppression", id = one.id, email = one.email, origin = "manual", created_at = core.written(one.created), source_id = wt.null }
end

contacts.suppress = core.handler(function(_, given)
    local email = core.address(given.email)
    if not email then
        core.invalid("Invalid `email` field.")
    end
    local one = { id = core.uuid(), email = string.lower(email), created = core.now() }
    state.put("/suppressed", one.email, one)
    return { object = "suppression", id = one.id }
end, 201)

local function find_suppression(request)
    local name = request.params.suppression
    local one = state.get("/suppressed", string.lower(name)) or state.query("/suppressed", "id", name, 1)[1]
    if not one then
        core.not_found("Suppression")
    end
    return one
end

contacts.suppression = core.handler(function(request) return show_suppression(find_suppression(request)) end)

contacts.suppressions = core.handler(function(request) return core.page(request, "/suppressed", show_suppression) end)

contacts.unsuppress = core.handler(function(request)
    local one = find_suppression(request)
    state.delete("/suppressed", one.email)
    return { object = "suppression", id = one.id, deleted = true }
end)

-- Broadcasts

local function status_of(broadcast)
    if broadcast.sends_at then
        return if core.now() >= broadcast.sends_at + 1 then "sent" elseif core.now() >= broadcast.sends_at then "queued" else "scheduled"
    end
    return "draft"
end

local function show_broadcast(broadcast)
    local status = status_of(broadcast)
    return {
        object = "broadcast", id = broadcast.id, name = core.null(broadcast.name), audience_id = core.null(broadcast.segment), segment_id = core.null(broadcast.segment),
        from = broadcast.from, subject = broadcast.subject, reply_to = core.list(broadcast.reply_to), preview_text = core.null(broadcast.preview_text), status = status,
        created_at = core.written(broadcast.created), scheduled_at = if broadcast.is_scheduled then core.written(broadcast.sends_at) else wt.null,
        sent_at = if status == "sent" then core.written(broadcast.sends_at + 1) else wt.null, html = core.null(broadcast.html), text = core.null(broadcast.text), topic_id = core.null(broadcast.topic_id),
    }
end

local function find_broadcast(request)
    local broadcast = state.get("/broadcasts", request.params.id)
    if not broadcast then
        core.not_found("Broadcast")
    end
    return broadcast
end

local function take(broadcast, given)
    for _, name in { "name", "from", "subject", "preview_text", "html", "text", "topic_id" } do
        if given[name] ~= nil then broadcast[name] = given[name] end
    end
    if given.reply_to ~= nil then broadcast.reply_to = core.several(given.reply_to) end
    local segment = given.segment_id or given.audience_id
    if segment then broadcast.segment = find_segment(segment).id end
    state.put("/broadcasts", broadcast.id, broadcast)
end

-- Sends to all of a segment who want mail.
local function send(broadcast, at)
    broadcast.sends_at, broadcast.is_scheduled = at or core.now(), at ~= nil
    for _, contact in wt.select("/contacts", { where = { segments = broadcast.segment } }) do
        if not contact.unsubscribed then
            local email = mail.send({ from = broadcast.from, to = contact.email, subject = broadcast.subject, html = broadcast.html, text = broadcast.text, reply_to = broadcast.reply_to }, { broadcast_id = broadcast.id, sends_at = broadcast.sends_at })
            broadcast.emails = core.list(broadcast.emails)
            table.insert(broadcast.emails, email.id)
        end
    end
    state.put("/broadcasts", broadcast.id, broadcast)
end

contacts.create_broadcast = core.handler(function(_, given)
    for _, field in { "from", "subject" } do
        if given[field] == nil or given[field] == "" then core.missing(field) end
    end
    if not given.segment_id and not given.audience_id then
        core.missing("segment_id")
    elseif not core.address(given.from) then
        core.invalid("Invalid `from` field. The email address needs to follow the `email@example.com` or `Name <email@example.com>` format.")
    end
    local broadcast = { id = core.uuid(), created = core.now() }
    take(broadcast, given)
    if given.send then
        send(broadcast, given.scheduled_at and core.time_to_come(given.scheduled_at))
    end
    return { object = "broadcast", id = broadcast.id }
end, 201)

contacts.broadcast = core.handler(function(request) return show_broadcast(find_broadcast(request)) end)

contacts.broadcasts = core.handler(function(request) return core.page(request, "/broadcasts", show_broadcast) end)

local function find_draft(request, what)
    local broadcast = find_broadcast(request)
    if status_of(broadcast) ~= "draft" then
        core.invalid("You can only " .. what .. " broadcasts that are drafts.")
    end
    return broadcast
end

contacts.update_broadcast = core.handler(function(request, given)
    local broadcast = find_draft(request, "update")
    take(broadcast, given)
    return { object = "broadcast", id = broadcast.id }
end)

contacts.delete_broadcast = core.handler(function(request)
    local broadcast = find_draft(request, "delete")
    state.delete("/broadcasts", broadcast.id)
    return { object = "broadcast", id = broadcast.id, deleted = true }
end)

contacts.send_broadcast = core.handler(function(request, given)
    local broadcast = find_draft(request, "send")
    send(broadcast, core.null(given.scheduled_at) ~= wt.null and core.time_to_come(given.scheduled_at) or nil)
    return { object = "broadcast", id = broadcast.id }
end)

-- A scheduled one becomes a draft again.
contacts.cancel_broadcast = core.handler(function(request)
    local broadcast = find_broadcast(request)
    if status_of(broadcast) ~= "scheduled" then
        core.invalid("You can only cancel broadcasts that are scheduled.")
    end
    for _, id in broadcast.emails or {} do
        wt.untell("email " .. id)
        state.delete("/emails", id)
    end
    broadcast.sends_at, broadcast.is_scheduled, broadcast.emails = wt.null, false, wt.array({})
    state.put("/broadcasts", broadcast.id, broadcast)
    return { object = "broadcast", id = broadcast.id }
end)

return contacts

local core = wt.import("core")
local world = wt.import("world")
local channels = wt.import("channels")
local messages = wt.import("messages")

local handlers = {}

-- Says in the channel what happened to it, and tells of it.
local function note(request, channel, me, subtype, text, more)
    local message = { type = "message", subtype = subtype, user = me.id, text = text }
    for name, value in more or {} do
        message[name] = value
    end
    messages.post(request, channel, message, {})
end

handlers.create = core.handler(function(args, me, request)
    local channel = {
        name = channels.check_name(args.name), kind = if core.flag(args.is_private) then "group" else "channel", created = core.now(),
        creator = me.id, members = wt.array({ me.id }),
    }
    channel.id = core.id("C", "channel " .. channel.name)
    -- A name may come again when its channel has another one.
    if state.get("/conversations", channel.id) then
        channel.id = core.id("C")
    end
    channels.keep(channel)
    world.tell(request, { type = "channel_created", channel = { id = channel.id, name = channel.name, created = channel.created, creator = me.id } }, channel.id)
    return { channel = channels.show(channel, me) }
end)

local KINDS = { public_channel = "channel", private_channel = "group", mpim = "mpim", im = "im" }

local function of_kinds(args, me, mine)
    local kinds, found = {}, {}
    for _, word in core.words(args.types or "public_channel") do
        if not KINDS[word] then
            core.fail("invalid_types")
        end
        kinds[KINDS[word]] = true
    end
    local without = core.flag(args.exclude_archived)
    for _, channel in state.list("/conversations") do
        local member = channels.is_member(channel, mine or me.id)
        local seen = if mine then member else channel.kind == "channel" or member
        if kinds[channel.kind] and seen and not (without and channel.is_archived) then
            table.insert(found, channel)
        end
    end
    return found
end

handlers.list = core.handler(function(args, me)
    local page, metadata = core.page(of_kinds(args, me), args, 100)
    return { channels = core.list(page, function(channel) return channels.show(channel, me, true) end), response_metadata = metadata }
end)

handlers.of_user = core.handler(function(args, me)
    local user = if args.user then args.user else me.id
    if not world.user(user) then
        core.fail("user_not_found")
    end
    local page, metadata = core.page(of_kinds(args, me, user), args, 100)
    return { channels = core.list(page, function(channel) return channels.show(channel, me) end), response_metadata = metadata }
end)

handlers.info = core.handler(function(args, me)
    local channel = channels.find(core.need(args, "channel"), me)
    return { channel = channels.show(channel, me, core.flag(args.include_num_members)) }
end)

handlers.members = core.handler(function(args, me)
    local channel = channels.find(core.need(args, "channel"), me)
    local page, metadata = core.page(channel.members, args, 100)
    return { members = page, response_metadata = metadata }
end)

local function read(args, me)
    local channel = channels.find(core.need(args, "channel"), me)
    if not channels.is_member(channel, me.id) and (me.is_bot or channel.kind ~= "channel") then
        core.fail("not_in_channel")
    end
    return channel
end

handlers.history = core.handler(function(args, me)
    local channel = read(args, me)
    local page, more, cursor = messages.page(channel, args, { top = true })
    return {
        messages = core.list(page, messages.show), has_more = more, pin_count = #core.list(channel.pins), channel_actions_ts = wt.null,
        channel_actions_count = 0, response_metadata = if cursor then { next_cursor = cursor } else nil,
    }
end)

handlers.replies = core.handler(function(args, me)
    local channel = read(args, me)
    local root = state.get(messages.place(channel.id), tostring(core.need(args, "ts")))
    if not root then
        core.fail("thread_not_found")
    end
    local thread = root.thread_ts or root.ts
    local page, more, cursor = messages.page(channel, args, if root.reply_count or root.thread_ts then { thread_ts = thread } else { ts = root.ts }, true)
    return { messages = core.list(page, messages.show), has_more = more, response_metadata = if cursor then { next_cursor = cursor } else nil }
end)

local function add(request, channel, me, id)
    table.insert(channel.members, id)
    channels.keep(channel)
    world.tell(request, {
        type = "member_joined_channel", user = id, channel = channel.id, channel_type = if channel.kind == "channel" then "C" else "G", team = world.team_id,
        inviter = if id ~= me.id then me.id else nil,
    })
end

local function remove(request, channel, id)
    table.remove(channel.members, core.index(channel.members, id))
    channels.keep(channel)
    world.tell(request, { type = "member_left_channel", user = id, channel = channel.id, channel_type = if channel.kind == "channel" then "C" else "G", team = world.team_id })
end

local function not_direct(channel)
    if channel.kind == "im" or channel.kind == "mpim" then
        core.fail("method_not_supported_for_channel_type")
    end
end

handlers.invite = core.handler(function(args, me, request)
    local channel = channels.find(core.need(args, "channel"), me)
    not_direct(channel)
    channels.open_for(channel, me)
    local ids, errors = core.words(core.need(args, "users")), {}
    for _, id in ids do
        local user = world.user(id)
        local problem = if not user then "user_not_found" elseif id == me.id then "cant_invite_self" elseif channels.is_member(channel, id) then "already_in_channel" else nil
        if problem then
            table.insert(errors, { user = id, ok = false, error = problem })
        end
    end
    if #errors > 0 then
        core.fail(errors[1].error, { errors = wt.array(errors) })
    end
    for _, id in ids do
        add(request, channel, me, id)
        note(request, channel, { id = id }, if channel.kind == "channel" then "channel_join" else "group_join", "<@" .. id .. "> has joined the channel", { inviter = me.id })
    end
    return { channel = channels.show(channel, me) }
end)

handlers.join = core.handler(function(args, me, request)
    local channel = channels.find(core.need(args, "channel"), me)
    not_direct(channel)
    if channel.is_archived then
        core.fail("is_archived")
    end
    if channels.is_member(channel, me.id) then
        return { channel = channels.show(channel, me), warning = "already_in_channel", response_metadata = { warnings = wt.array({ "already_in_channel" }) } }
    end
    add(request, channel, me, me.id)
    note(request, channel, me, "channel_join", "<@" .. me.id .. "> has joined the channel")
    return { channel = channels.show(channel, me) }
end)

handlers.leave = core.handler(function(args, me, request)
    local channel = channels.find(core.need(args, "channel"), me)
    not_direct(channel)
    if channel.is_general then
        core.fail("cant_leave_general")
    elseif not channels.is_member(channel, me.id) then
        return { not_in_channel = true }
    end
    note(request, channel, me, "channel_leave", "<@" .. me.id .. "> has left the channel")
    remove(request, channel, me.id)
    return {}
end)

handlers.kick = core.handler(function(args, me, request)
    local channel = channels.find(core.need(args, "channel"), me)
    not_direct(channel)
    channels.open_for(channel, me)
    local id = core.need(args, "user")
    if not world.user(id) then
        core.fail("user_not_found")
    elseif id == me.id then
        core.fail("cant_kick_self")
    elseif channel.is_general then
        core.fail("cant_kick_from_general")
    elseif not channels.is_member(channel, id) then
        core.fail("not_in_channel")
    end
    remove(request, channel, id)
    return { errors = {} }
end)

handlers.archive = core.handler(function(args, me, request)
    local channel = channels.find(core.need(args, "channel"), me)
    not_direct(channel)
    if channel.is_general then
        core.fail("cant_archive_general")
    elseif channel.is_archived then
        core.fail("already_archived")
    elseif not channels.is_member(channel, me.id) then
        core.fail("not_in_channel")
    end
    note(request, channel, me, "channel_archive", "<@" .. me.id .. "> archived the channel")
    channel.is_archived = true
    channels.keep(channel)
    world.tell(request, { type = if channel.kind == "channel" then "channel_archive" else "group_archive", channel = channel.id, user = me.id })
    return {}
end)

handlers.unarchive = core.handler(function(args, me, request)
    local channel = channels.find(core.need(args, "channel"), me)
    if not channel.is_archived then
        core.fail("not_archived")
    end
    channel.is_archived = false
    channels.keep(channel)
    world.tell(request, { type = if channel.kind == "channel" then "channel_unarchive" else "group_unarchive", channel = channel.id, user = me.id })
    return {}
end)

handlers.rename = core.handler(function(args, me, request)
    local channel = channels.find(core.need(args, "channel"), me)
    not_direct(channel)
    channels.open_for(channel, me)
    local before = channel.name
    if args.name ~= before then
        channel.name = channels.check_name(core.need(args, "name"))
        channel.previous_names, channel.updated = wt.array({ before }), core.now()
        note(request, channel, me, "channel_name", "<@" .. me.id .. '> has renamed the channel from "' .. before .. '" to "' .. channel.name .. '"', { old_name = before, name = channel.name })
        channels.keep(channel)
        world.tell(request, { type = "channel_rename", channel = { id = channel.id, name = channel.name, created = channel.created } }, channel.id)
    end
    return { channel = channels.show(channel, me) }
end)

local function set_text(field)
    return core.handler(function(args, me, request)
        local channel = channels.find(core.need(args, "channel"), me)
        channels.open_for(channel, me)
        local value = tostring(args[field] or "")
        if utf8.len(value) and utf8.len(value) > 250 then
            core.fail("too_long")
        end
        channel[field] = channels.text(value, me.id, core.now())
        channels.keep(channel)
        note(request, channel, me, "channel_" .. field, "<@" .. me.id .. "> set the channel " .. field .. ": " .. value, { [field] = value })
        return { channel = channels.show(channel, me), [field] = value }
    end)
end

handlers.topic = set_text("topic")
handlers.purpose = set_text("purpose")

handlers.open = core.handler(function(args, me)
    local channel, known
    if args.channel then
        channel, known = channels.find(args.channel, me), true
    else
        local ids = core.words(args.users)
        if #ids == 0 then
            core.fail("users_list_not_supplied")
        elseif #ids > 8 then
            core.fail("too_many_users")
        end
        channel, known = channels.direct(me, ids)
    end
    local shown = if core.flag(args.return_im) or channel.kind == "mpim" then channels.show(channel, me) else { id = channel.id }
    return { channel = shown, no_op = known or nil, already_open = known or nil }
end)

handlers.close = core.handler(function(args, me)
    channels.find(core.need(args, "channel"), me)
    return {}
end)

handlers.mark = core.handler(function(args, me)
    local channel = channels.find(core.need(args, "channel"), me)
    if not core.as_ts(core.need(args, "ts")) then
        core.fail("invalid_timestamp")
    end
    state.put("/marks/" .. me.id, channel.id, { ts = core.as_ts(args.ts) })
    return {}
end)

return handlers

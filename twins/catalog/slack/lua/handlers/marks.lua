-- What is put on messages: reactions, pins; and bookmarks of channels.

local core = wt.import("core")
local world = wt.import("world")
local channels = wt.import("channels")
local messages = wt.import("messages")

local marks = {}

local function message_of(args, me)
    if not args.channel and (args.file or args.file_comment) then
        core.fail("file_not_found")
    end
    local channel = channels.find(args.channel or core.fail("no_item_specified"), me)
    return channel, messages.find(channel, args.timestamp or args.ts or core.fail("no_item_specified"))
end

local function name_of(args)
    local name = string.gsub(core.need(args, "name"), ":", "")
    if not string.match(name, "^[%w_'+%-]+$") then
        core.fail("invalid_name")
    end
    return name
end

local function event(kind, me, channel, message, name)
    return { type = kind, user = me.id, reaction = name, item_user = message.user, item = { type = "message", channel = channel.id, ts = message.ts } }
end

marks.react = core.handler(function(args, me, request)
    local name = name_of(args)
    local channel, message = message_of(args, me)
    channels.open_for(channel, me)
    message.reactions = core.list(message.reactions)
    local own
    for _, reaction in message.reactions do
        if reaction.name == name then own = reaction end
    end
    if own and core.index(own.users, me.id) then
        core.fail("already_reacted")
    end
    if own then
        table.insert(own.users, me.id)
    else
        table.insert(message.reactions, { name = name, users = wt.array({ me.id }), count = 1 })
    end
    messages.keep(channel, message)
    world.tell(request, event("reaction_added", me, channel, message, name), channel.id)
    return {}
end)

marks.unreact = core.handler(function(args, me, request)
    local name = name_of(args)
    local channel, message = message_of(args, me)
    for index, reaction in message.reactions or {} do
        local at = reaction.name == name and core.index(reaction.users, me.id)
        if at then
            table.remove(reaction.users, at)
            if #reaction.users == 0 then
                table.remove(message.reactions, index)
            end
            messages.keep(channel, message)
            world.tell(request, event("reaction_removed", me, channel, message, name), channel.id)
            return {}
        end
    end
    core.fail("no_reaction")
end)

marks.reactions = core.handler(function(args, me)
    local channel, message = message_of(args, me)
    return { type = "message", channel = channel.id, message = messages.show(message) }
end)

marks.own_reactions = core.handler(function(args, me)
    local user, found = args.user or me.id, {}
    for _, channel in state.list("/conversations") do
        if channels.sees(channel, me) then
            for _, message in state.list(messages.place(channel.id)) do
                local own = false
                for _, reaction in message.reactions or {} do own = own or core.index(reaction.users, user) ~= nil end
                if own then
                    table.insert(found, { type = "message", channel = channel.id, message = messages.show(message) })
                end
            end
        end
    end
    local page, metadata = core.page(found, args, 100)
    return { items = page, response_metadata = metadata }
end)

-- Pins

marks.pin = core.handler(function(args, me, request)
    local channel, message = message_of(args, me)
    channels.open_for(channel, me)
    channel.pins = core.list(channel.pins)
    if core.index(channel.pins, message.ts) then
        core.fail("already_pinned")
    end
    table.insert(channel.pins, message.ts)
    channels.keep(channel)
    message.pinned_by = me.id
    messages.keep(channel, message)
    world.tell(request, { type = "pin_added", user = me.id, channel_id = channel.id, item = { type = "message", channel = channel.id, message = messages.show(message), created = core.now(), created_by = me.id }, has_pins = true }, channel.id)
    return {}
end)

marks.unpin = core.handler(function(args, me, request)
    local channel, message = message_of(args, me)
    local at = core.index(channel.pins, message.ts)
    if not at then
        core.fail("no_pin")
    end
    table.remove(channel.pins, at)
    channels.keep(channel)
    message.pinned_by = wt.null
    messages.keep(channel, message)
    world.tell(request, { type = "pin_removed", user = me.id, channel_id = channel.id, item = { type = "message", channel = channel.id }, has_pins = #channel.pins > 0 }, channel.id)
    return {}
end)

marks.pins = core.handler(function(args, me)
    local channel = channels.find(core.need(args, "channel"), me)
    local items = wt.array({})
    for _, ts in channel.pins or {} do
        local message = state.get(messages.place(channel.id), ts)
        if message then
            table.insert(items, 1, { type = "message", channel = channel.id, message = messages.show(message), created = math.floor(tonumber(ts) or 0), created_by = message.pinned_by })
        end
    end
    return { items = items }
end)

-- Bookmarks

local function bookmark_of(args, me)
    local channel = channels.find(core.need(args, "channel_id"), me)
    local bookmark = state.get("/bookmarks/" .. channel.id, tostring(core.need(args, "bookmark_id")))
    if not bookmark then
        core.fail("not_found")
    end
    return channel, bookmark
end

marks.add_bookmark = core.handler(function(args, me)
    local channel = channels.find(core.need(args, "channel_id"), me)
    channels.open_for(channel, me)
    local now = core.now()
    local bookmark = {
        id = core.id("Bk"), channel_id = channel.id, title = core.need(args, "title"), link = args.link or "", emoji = args.emoji or "", icon_url = "",
        type = core.need(args, "type"), entity_id = args.entity_id, date_created = now, date_updated = 0, rank = "i", last_updated_by_user_id = me.id,
        last_updated_by_team_id = world.team_id, shortcut_id = "", app_id = "",
    }
    state.put("/bookmarks/" .. channel.id, bookmark.id, bookmark)
    return { bookmark = bookmark }
end)

marks.edit_bookmark = core.handler(function(args, me)
    local channel, bookmark = bookmark_of(args, me)
    for _, name in { "title", "link", "emoji" } do
        if args[name] ~= nil then bookmark[name] = args[name] end
    end
    bookmark.date_updated = core.now()
    state.put("/bookmarks/" .. channel.id, bookmark.id, bookmark)
    return { bookmark = bookmark }
end)

marks.bookmarks = core.handler(function(args, me)
    return { bookmarks = core.list(state.list("/bookmarks/" .. channels.find(core.need(args, "channel_id"), me).id)) }
end)

marks.remove_bookmark = core.handler(function(args, me)
    local channel, bookmark = bookmark_of(args, me)
    state.delete("/bookmarks/" .. channel.id, bookmark.id)
    return {}
end)

return marks

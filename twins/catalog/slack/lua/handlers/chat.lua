local core = wt.import("core")
local world = wt.import("world")
local channels = wt.import("channels")
local messages = wt.import("messages")

local chat = {}

chat.post = core.handler(function(args, me, request)
    local channel = channels.target(core.need(args, "channel"), me)
    channels.open_for(channel, me)
    local message = messages.post(request, channel, messages.draft(args, me), args)
    return { channel = channel.id, ts = message.ts, message = messages.show(message) }
end)

chat.me = core.handler(function(args, me, request)
    local channel = channels.target(core.need(args, "channel"), me)
    channels.open_for(channel, me)
    local message = messages.draft(args, me)
    message.subtype = "me_message"
    return { channel = channel.id, ts = messages.post(request, channel, message, args).ts }
end)

chat.update = core.handler(function(args, me, request)
    local channel = channels.find(core.need(args, "channel"), me)
    local message = messages.find(channel, core.need(args, "ts"))
    if message.user ~= me.id and message.bot_id ~= me.bot_id then
        core.fail("cant_update_message")
    end
    local before = messages.show(message)
    local draft = messages.draft(args, me)
    if args.text ~= nil then message.text = draft.text end
    if args.blocks ~= nil then message.blocks = draft.blocks elseif args.text ~= nil then message.blocks = wt.null end
    if args.attachments ~= nil then message.attachments = draft.attachments end
    if args.metadata ~= nil then message.metadata = draft.metadata end
    message.edited = { user = me.id, ts = core.ts() }
    messages.keep(channel, message)
    local shown = messages.show(messages.find(channel, message.ts))
    messages.tell(request, channel, { subtype = "message_changed", message = shown, previous_message = before, hidden = true, ts = message.edited.ts })
    return { channel = channel.id, ts = message.ts, text = message.text, message = shown }
end)

chat.delete = core.handler(function(args, me, request)
    local channel = channels.find(core.need(args, "channel"), me)
    local message = messages.find(channel, core.need(args, "ts"))
    if message.user ~= me.id and message.bot_id ~= me.bot_id and not me.user.is_admin then
        core.fail("cant_delete_message")
    end
    state.delete(messages.place(channel.id), message.ts)
    if message.thread_ts and message.thread_ts ~= message.ts then
        local root = state.get(messages.place(channel.id), message.thread_ts)
        if root then
            root.reply_count = math.max((root.reply_count or 1) - 1, 0)
            messages.keep(channel, root)
        end
    end
    messages.tell(request, channel, { subtype = "message_deleted", deleted_ts = message.ts, previous_message = messages.show(message), hidden = true, ts = core.ts() })
    return { channel = channel.id, ts = message.ts }
end)

chat.ephemeral = core.handler(function(args, me)
    local channel = channels.target(core.need(args, "channel"), me)
    channels.open_for(channel, me)
    if not world.user(core.need(args, "user")) or not channels.is_member(channel, args.user) then
        core.fail("user_not_in_channel")
    end
    messages.draft(args, me)
    return { message_ts = core.ts() }
end)

chat.permalink = core.handler(function(args, me, request)
    local channel = channels.find(core.need(args, "channel"), me)
    local message = messages.find(channel, core.need(args, "message_ts"))
    return { channel = channel.id, permalink = "https://" .. world.team().domain .. ".slack.com/archives/" .. channel.id .. "/p" .. string.gsub(message.ts, "%.", "") }
end)

local FARTHEST = 120 * 86400

chat.schedule = core.handler(function(args, me)
    local channel = channels.target(core.need(args, "channel"), me)
    channels.open_for(channel, me)
    local at = tonumber(core.need(args, "post_at"))
    if not at then
        core.fail("invalid_time")
    elseif at <= core.now() then
        core.fail("time_in_past")
    elseif at > core.now() + FARTHEST then
        core.fail("time_too_far")
    end
    local message = messages.draft(args, me)
    local id = core.id("Q")
    state.put("/scheduled", id, { id = id, channel = channel.id, post_at = at, date_created = core.now(), thread_ts = args.thread_ts, message = message, user = me.id })
    clock.after(at - core.now(), "chat.due")
    return { channel = channel.id, scheduled_message_id = id, post_at = at, message = message }
end)

-- Posts what is due, when nobody asks.
function chat.due(request)
    messages.send_scheduled(request)
end

chat.unschedule = core.handler(function(args, me)
    local one = state.get("/scheduled", tostring(core.need(args, "scheduled_message_id")))
    if not one or one.user ~= me.id or args.channel and one.channel ~= args.channel then
        core.fail("invalid_scheduled_message_id")
    end
    state.delete("/scheduled", one.id)
    return {}
end)

chat.scheduled = core.handler(function(args, me)
    local found = {}
    for _, one in wt.select("/scheduled", { where = { user = me.id }, sort = "post_at" }) do
        local at = one.post_at
        if (not args.channel or one.channel == args.channel) and (not args.oldest or at >= tonumber(args.oldest)) and (not args.latest or at <= tonumber(args.latest)) then
            table.insert(found, { id = one.id, channel_id = one.channel, post_at = at, date_created = one.date_created, text = one.message.text })
        end
    end
    local page, metadata = core.page(found, args, 100)
    return { scheduled_messages = page, response_metadata = metadata }
end)

chat.unfurl = core.handler(function(args, me)
    local channel = channels.find(core.need(args, "channel"), me)
    messages.find(channel, core.need(args, "ts"))
    core.need(args, "unfurls")
    return {}
end)

-- What who asks may see: the words anywhere in a text, and `in:` and `from:`.
chat.search = core.handler(function(args, me, request)
    if me.is_bot then
        core.fail("not_allowed_token_type")
    end
    local text = core.need(args, "query")
    local words, within, from = {}, nil, nil
    for word in string.gmatch(text, "%S+") do
        local place, author = string.match(word, "^in:#?(.+)$"), string.match(word, "^from:@?(.+)$")
        if place then within = place elseif author then from = author else table.insert(words, string.lower(word)) end
    end
    local found = {}
    for _, channel in state.list("/conversations") do
        if channels.sees(channel, me) and (not within or channel.name == within) then
            for _, message in state.list(messages.place(channel.id)) do
                local author, fits = world.user(message.user), true
                for _, word in words do fits = fits and string.find(string.lower(message.text or ""), word, 1, true) ~= nil end
                if fits and (not from or author and author.name == from) then
                    local shown = messages.show(message)
                    shown.channel = { id = channel.id, name = channel.name, is_private = channel.kind ~= "channel" }
                    shown.username, shown.iid = author and author.name, message.ts
                    table.insert(found, shown)
                end
            end
        end
    end
    table.sort(found, function(a, b) return if args.sort_dir == "asc" then a.ts < b.ts else a.ts > b.ts end)
    local count, page = math.clamp(tonumber(args.count) or 20, 1, 100), math.max(tonumber(args.page) or 1, 1)
    local matches = wt.array({})
    for index = (page - 1) * count + 1, math.min(page * count, #found) do table.insert(matches, found[index]) end
    local pages = math.ceil(#found / count)
    return { query = text, messages = {
        total = #found, matches = matches, paging = { count = count, total = #found, page = page, pages = pages },
        pagination = { total_count = #found, page = page, per_page = count, page_count = pages, first = (page - 1) * count + 1, last = (page - 1) * count + #matches },
    } }
end)

return chat

-- Messages: posting, threads, what is told of them.

local core = wt.import("core")
local world = wt.import("world")
local channels = wt.import("channels")

local messages = {}

local function place(channel_id)
    return "/messages/" .. channel_id
end
messages.place = place

function messages.find(channel, ts)
    local message = ts and state.get(place(channel.id), tostring(ts))
    if not message then
        core.fail("message_not_found")
    end
    return message
end

function messages.keep(channel, message)
    state.put(place(channel.id), message.ts, message)
    return message
end

-- A message as it is shown: without what is only kept.
function messages.show(message)
    local shown = {}
    for name, value in message do
        if name ~= "top" and name ~= "channel" and name ~= "id" and name ~= "pinned_by" then
            shown[name] = value
        end
    end
    for _, reaction in shown.reactions or {} do
        reaction.count = #reaction.users
    end
    if shown.reactions and #shown.reactions == 0 then
        shown.reactions = nil
    end
    if message.pinned_by then
        shown.pinned_to = wt.array({ message.channel })
    end
    return shown
end

local KINDS = { channel = "channel", group = "group", im = "im", mpim = "mpim" }

local function bot_profile(me)
    return {
        id = me.bot_id, app_id = world.app_id, user_id = me.id, name = me.user.name, deleted = false, updated = me.user.updated, team_id = world.team_id,
        icons = world.bot_icons(),
    }
end

-- Source: Slack's public reference of blocks.
local BLOCKS = {}
for word in string.gmatch("actions alert call card carousel context context_actions divider file header image input markdown plan rich_text "
    .. "section share_shortcut table task_card video", "%S+") do
    BLOCKS[word] = true
end

local function refuse_blocks(problem, pointer)
    core.fail("invalid_blocks", { errors = wt.array({ problem .. " [json-pointer:" .. pointer .. "]" }),
        response_metadata = { messages = wt.array({ "[ERROR] " .. problem .. " [json-pointer:" .. pointer .. "]" }) } })
end

-- Blocks as they are kept: each has an id, its own or one that is made.
local function blocks(given)
    if #given > 50 then
        refuse_blocks("no more than 50 items allowed", "/blocks")
    end
    local number = state.counter("messages with blocks")
    for index, block in given do
        local pointer = "/blocks/" .. index - 1 .. "/type"
        if type(block) ~= "table" or not block.type then
            refuse_blocks("missing required field: type", pointer)
        elseif not BLOCKS[block.type] then
            refuse_blocks("unsupported type: " .. tostring(block.type), pointer)
        end
        block.block_id = block.block_id or string.sub(wt.crypto.sha256("block of message:" .. number .. ":" .. index), 1, 5)
    end
    return given
end

-- The message that arguments describe, not yet posted.
function messages.draft(args, me)
    local text = if args.text ~= nil then tostring(args.text) else nil
    local has_more = args.blocks and #args.blocks > 0 or args.attachments and #args.attachments > 0
    if (text == nil or text == "") and not has_more then
        core.fail("no_text")
    elseif text and utf8.len(text) and utf8.len(text) > 40000 then
        core.fail("msg_too_long")
    end
    if args.blocks then
        args.blocks = blocks(args.blocks)
    end
    local message = { type = "message", text = text or "", user = me.id, team = world.team_id }
    if me.is_bot then
        message.bot_id, message.app_id, message.bot_profile = me.bot_id, world.app_id, bot_profile(me)
        if args.username or args.icon_emoji or args.icon_url then
            message.subtype, message.username, message.user = "bot_message", args.username, nil
            message.icons = if args.icon_emoji then { emoji = args.icon_emoji } elseif args.icon_url then { image_48 = args.icon_url } else nil
        end
    end
    message.blocks, message.metadata = args.blocks, args.metadata
    if args.attachments then
        for index, one in args.attachments do one.id = one.id or index end
        message.attachments = args.attachments
    end
    return message
end

-- Posts a message, in a thread where it is part of one, and tells of it.
function messages.post(request, channel, message, args, at)
    message.ts, message.channel, message.top = core.ts(at), channel.id, true
    if args.thread_ts and tostring(args.thread_ts) ~= "" then
        local root = state.get(place(channel.id), tostring(args.thread_ts))
        if not root then
            core.fail("thread_not_found")
        end
        if root.thread_ts and root.thread_ts ~= root.ts then
            root = messages.find(channel, root.thread_ts)
        end
        local author = message.user or message.bot_id
        message.thread_ts, message.parent_user_id = root.ts, root.user
        message.top = core.flag(args.reply_broadcast)
        if message.top then
            message.subtype = "thread_broadcast"
        end
        root.thread_ts, root.reply_count, root.latest_reply = root.ts, (root.reply_count or 0) + 1, message.ts
        root.reply_users = core.list(root.reply_users)
        if not core.index(root.reply_users, author) then
            table.insert(root.reply_users, author)
        end
        root.reply_users_count, root.is_locked, root.subscribed = #root.reply_users, false, false
        messages.keep(channel, root)
    end
    messages.keep(channel, message)
    messages.tell(request, channel, messages.show(message))
    for id in string.gmatch(message.text or "", "<@(U%w+)") do
        local user = world.user(id)
        if user and user.is_bot then
            world.tell(request, { type = "app_mention", channel = channel.id, user = message.user, text = message.text, ts = message.ts, thread_ts = message.thread_ts, team = world.team_id })
        end
    end
    return message
end

-- Tells an event about a message.
function messages.tell(request, channel, event)
    event.type, event.channel, event.channel_type, event.event_ts = "message", channel.id, KINDS[channel.kind], event.event_ts or event.ts
    world.tell(request, event)
end

-- Posts what was to be sent by now.
function messages.send_scheduled(request)
    local now = core.now()
    for _, one in wt.select("/scheduled", { max = { post_at = now }, sort = "post_at" }) do
        state.delete("/scheduled", one.id)
        local channel = state.get("/conversations", one.channel)
        if channel and not channel.is_archived then
            messages.post(request, channel, one.message, { thread_ts = one.thread_ts }, one.post_at)
        end
    end
end

-- Which messages a request wants, newest first: the page, whether there are more, and the cursor to them.
function messages.page(channel, args, where, forwards)
    local limit = math.clamp(tonumber(args.limit) or 100, 1, 1000)
    local oldest, latest = args.oldest and core.as_ts(args.oldest), args.latest and args.latest ~= "now" and core.as_ts(args.latest) or nil
    local inclusive = core.flag(args.inclusive)
    if args.cursor and args.cursor ~= "" then
        local done, decoded = pcall(wt.crypto.base64_decode, args.cursor)
        local ts = done and string.match(decoded, "^next_ts:([%d%.]+)$")
        if not ts then
            core.fail("invalid_cursor")
        end
        if forwards then oldest = ts else latest = ts end
        inclusive = true
    end
    local found = wt.select(place(channel.id), {
        where = where, min = if oldest then { ts = oldest } else nil, max = if latest then { ts = latest } else nil, sort = "ts",
        reverse = not forwards, limit = limit + 3,
    })
    local page, following = wt.array({}), nil
    for _, message in found do
        if inclusive or message.ts ~= oldest and message.ts ~= latest then
            if #page == limit then
                following = following or message.ts
            else
                table.insert(page, message)
            end
        end
    end
    return page, following ~= nil, if following then wt.crypto.base64_encode("next_ts:" .. following) else nil
end

return messages

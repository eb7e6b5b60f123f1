-- Conversations: finding, showing, membership.

local core = wt.import("core")
local world = wt.import("world")

local channels = {}

function channels.keep(channel)
    state.put("/conversations", channel.id, channel)
    return channel
end

function channels.is_member(channel, id)
    return core.index(channel.members, id) ~= nil
end

-- Whether somebody may see that it is there.
function channels.sees(channel, me)
    return channel.kind == "channel" or channels.is_member(channel, me.id)
end

-- The conversation of these people, made where there is none.
function channels.direct(me, ids)
    local people, seen = { me.id }, { [me.id] = true }
    for _, id in ids do
        if not world.user(id) then
            core.fail("user_not_found")
        end
        if not seen[id] then
            seen[id] = true
            table.insert(people, id)
        end
    end
    table.sort(people)
    local kind = if #people > 2 then "mpim" else "im"
    local key = kind .. " " .. table.concat(people, " ")
    local found = state.query("/conversations", "key", key)[1]
    if found then
        return found, true
    end
    local id = core.id(if kind == "im" then "D" else "G", key)
    local channel = { id = id, key = key, kind = kind, created = core.now(), creator = me.id, members = wt.array(people) }
    if kind == "mpim" then
        local names = {}
        for _, one in people do table.insert(names, world.user(one).name) end
        channel.name = "mpdm-" .. table.concat(names, "--") .. "-1"
    else
        for _, one in people do if one ~= me.id then channel.user = one end end
        channel.user = channel.user or me.id
    end
    return channels.keep(channel), false
end

-- A conversation by its id, which whoever asks may see.
function channels.find(id, me)
    local channel = id and state.get("/conversations", tostring(id))
    if not channel or me and not channels.sees(channel, me) then
        core.fail("channel_not_found")
    end
    return channel
end

-- Where a message is to go: an id, a name with or without `#`, or somebody's id.
function channels.target(name, me)
    name = tostring(name)
    local channel = state.get("/conversations", name)
    if not channel and world.user(name) then
        return (channels.direct(me, { name }))
    end
    if not channel then
        local bare = string.match(name, "^#?(.+)$")
        for _, one in state.query("/conversations", "name", bare) do channel = channel or one end
    end
    if not channel or not channels.sees(channel, me) then
        core.fail("channel_not_found")
    end
    return channel
end

local function text(value, creator, at)
    return { value = value or "", creator = if value then creator else "", last_set = if value then at else 0 }
end

function channels.show(channel, me, with_count)
    local kind = channel.kind
    local shown = {
        id = channel.id, created = channel.created or 0, creator = channel.creator, is_archived = channel.is_archived or false,
        is_im = kind == "im", is_mpim = kind == "mpim", is_channel = kind == "channel", is_group = kind == "group",
        is_private = kind ~= "channel", is_org_shared = false, context_team_id = world.team_id, updated = (channel.updated or channel.created or 0) * 1000,
    }
    if kind == "im" then
        -- A conversation of two is named after the other one.
        shown.user = channel.user
        for _, id in channel.members do if id ~= me.id then shown.user = id end end
        shown.is_user_deleted, shown.priority = false, 0
        return shown
    end
    shown.name, shown.name_normalized = channel.name, channel.name
    shown.is_general, shown.is_shared, shown.is_ext_shared, shown.is_pending_ext_shared = channel.is_general or false, false, false, false
    shown.unlinked, shown.pending_shared, shown.pending_connected_team_ids = 0, wt.array({}), wt.array({})
    shown.previous_names, shown.parent_conversation = core.list(channel.previous_names), wt.null
    shown.is_member = channels.is_member(channel, me.id)
    shown.topic = channel.topic or text()
    shown.purpose = channel.purpose or text()
    if with_count then
        shown.num_members = #channel.members
    end
    return shown
end

channels.text = text

-- Whether a name may be a channel's, else the error.
function channels.check_name(name)
    if type(name) ~= "string" or name == "" then
        core.fail("invalid_name_required")
    elseif #name > 80 then
        core.fail("invalid_name_maxlength")
    elseif not string.match(name, "[%w\128-\255]") then
        core.fail("invalid_name_punctuation")
    elseif string.match(name, "[%u%s%.,;:!?'\"#@/\\()%[%]{}]") then
        core.fail("invalid_name_specials")
    end
    if #state.query("/conversations", "name", name) > 0 then
        core.fail("name_taken")
    end
    return name
end

function channels.open_for(channel, me)
    if channel.is_archived then
        core.fail("is_archived")
    elseif not channels.is_member(channel, me.id) then
        core.fail("not_in_channel")
    end
end

return channels

-- The workspace: its team, its people, its first channels, and who a token is.

local core = wt.import("core")

local world = {}

local TEAM = core.id("T", "team")
local APP = core.id("A", "app")
world.team_id, world.app_id = TEAM, APP

-- The pictures of a bot that was given none.
function world.bot_icons()
    local at = "https://a.slack-edge.com/80588/img/plugins/app/bot_"
    return { image_36 = at .. "36.png", image_48 = at .. "48.png", image_72 = at .. "72.png" }
end

function world.team()
    return state.get("/team", TEAM)
end

-- People. What a seed leaves out is filled in where it is shown.
function world.user(id)
    return id and state.get("/users", id)
end

function world.make_user(name, fields)
    local id = core.id("U", "user " .. name)
    local user = { id = id, name = name, updated = core.now() }
    for key, value in fields or {} do
        user[key] = value
    end
    state.put("/users", id, user)
    return user
end

function world.show_user(user)
    local profile = user.profile or {}
    local real = user.real_name or profile.real_name or user.name
    local shown = {
        id = user.id, team_id = TEAM, name = user.name, deleted = user.deleted or false, color = "9f69e7", real_name = real, tz = user.tz or "Etc/UTC",
        tz_label = "Coordinated Universal Time", tz_offset = 0, is_admin = user.is_admin or false, is_owner = user.is_owner or false,
        is_primary_owner = user.is_owner or false, is_restricted = false, is_ultra_restricted = false, is_bot = user.is_bot or false,
        is_app_user = false, updated = user.updated or core.now(), is_email_confirmed = not user.is_bot, who_can_share_contact_card = "EVERYONE",
    }
    local words = string.split(real, " ")
    shown.profile = {
        title = "", phone = "", skype = "", real_name = real, real_name_normalized = real, display_name = user.name, display_name_normalized = user.name,
        fields = wt.null, status_text = "", status_emoji = "", status_expiration = 0, avatar_hash = string.sub(wt.crypto.sha256(user.id), 1, 12),
        first_name = words[1] or "", last_name = table.concat(words, " ", 2), team = TEAM,
    }
    if user.is_bot then
        shown.profile.bot_id, shown.profile.api_app_id = user.bot_id, APP
    else
        shown.profile.email = user.email or user.name .. "@example.com"
    end
    for name, value in profile do
        shown.profile[name] = value
    end
    return shown
end

-- Tokens that end in a short word are that one's (`xoxb-helper`, `xoxp-ada`); all others are of the first bot or the first user.
local function identity(request)
    local header = request.headers.authorization
    local token = header and string.match(header, "^%S+%s+(.+)$")
    if not token then
        token = request.query.token or type(request.data) == "table" and request.data.token
    end
    if not token then
        return nil
    end
    local revoked = state.get("/tokens", wt.crypto.sha256(token))
    if revoked then
        core.fail("token_revoked")
    end
    local kind, word = string.match(token, "^(%w+)%-([%a_]+)$")
    local is_bot = string.sub(token, 1, 4) == "xoxb"
    return { token = token, is_bot = is_bot, name = if kind and #word <= 20 then word elseif is_bot then "twinbot" else "admin" }
end

local function found()
    state.put("/team", TEAM, { id = TEAM, name = "Twin", domain = "twin", email_domain = "example.com" })
    state.put("/users", "USLACKBOT", { id = "USLACKBOT", name = "slackbot", real_name = "Slackbot", updated = core.now() })
    local admin = world.make_user("admin", { real_name = "Admin", is_admin = true, is_owner = true })
    for _, name in { "general", "random" } do
        local channel = {
            id = core.id("C", "channel " .. name), name = name, created = core.now(), creator = admin.id, is_general = name == "general", kind = "channel",
            members = wt.array({ admin.id }),
        }
        state.put("/conversations", channel.id, channel)
    end
end

local function join_general(user)
    for _, channel in state.query("/conversations", "is_general", true) do
        channel.members = core.list(channel.members)
        if not core.index(channel.members, user.id) then
            table.insert(channel.members, user.id)
            state.put("/conversations", channel.id, channel)
        end
    end
end

-- Begins a call: the workspace is there, what was to be sent by now has been, and who asks is known.
function world.enter(request)
    if not state.get("/team", TEAM) then
        found()
    end
    local asker = identity(request)
    if state.count("/scheduled") > 0 then
        wt.import("messages").send_scheduled(request)
    end
    if not asker then
        return nil
    end
    local user
    for _, one in state.query("/users", "name", asker.name) do
        user = user or one
    end
    if not user then
        if asker.is_bot then
            user = world.make_user(asker.name, { is_bot = true, bot_id = core.id("B", "bot " .. asker.name), real_name = asker.name })
        else
            user = world.make_user(asker.name)
        end
        join_general(user)
    end
    return { id = user.id, user = user, is_bot = asker.is_bot, bot_id = user.bot_id, token = asker.token }
end

-- Events

-- Tells an event to who listens.
function world.tell(request, event, more)
    local at = core.now()
    event.event_ts = event.event_ts or core.ts()
    local bot = state.query("/users", "is_bot", true)[1]
    local envelope = {
        token = "twin-verification-token", team_id = TEAM, context_team_id = TEAM, api_app_id = APP, event = event, type = "event_callback",
        event_id = core.id("Ev"), event_time = at, is_ext_shared_channel = false,
        authorizations = wt.array({ { enterprise_id = wt.null, team_id = TEAM, user_id = if bot then bot.id else wt.null, is_bot = bot ~= nil, is_enterprise_install = false } }),
    }
    wt.tell(event.type, envelope, { object = more or event.channel or event.type })
end

return world

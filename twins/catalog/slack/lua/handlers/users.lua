local core = wt.import("core")
local world = wt.import("world")

local users = {}

users.list = core.handler(function(args)
    local page, metadata = core.page(state.list("/users"), args, 1000)
    return { members = core.list(page, world.show_user), cache_ts = core.now(), response_metadata = metadata }
end)

users.info = core.handler(function(args)
    local user = world.user(core.need(args, "user"))
    if not user then
        core.fail("user_not_found")
    end
    local shown = world.show_user(user)
    if core.flag(args.include_locale) then shown.locale = "en-US" end
    return { user = shown }
end)

users.by_email = core.handler(function(args)
    local wanted = string.lower(core.need(args, "email"))
    for _, user in state.list("/users") do
        local email = world.show_user(user).profile.email
        if email and string.lower(email) == wanted and not user.deleted then
            return { user = world.show_user(user) }
        end
    end
    core.fail("users_not_found")
end)

users.profile = core.handler(function(args, me)
    local user = world.user(args.user or me.id)
    if not user then
        core.fail("user_not_found")
    end
    return { profile = world.show_user(user).profile }
end)

users.set_profile = core.handler(function(args, me, request)
    local user = world.user(args.user or me.id)
    if not user then
        core.fail("user_not_found")
    elseif user.id ~= me.id and not me.user.is_admin then
        core.fail("not_admin")
    end
    user.profile = user.profile or {}
    local given = args.profile or {}
    if args.name then given[args.name] = args.value end
    for name, value in given do
        user.profile[name] = value
        if name == "real_name" then user.real_name = value end
    end
    user.updated = core.now()
    state.put("/users", user.id, user)
    world.tell(request, { type = "user_change", user = world.show_user(user), cache_ts = core.now() }, user.id)
    return { username = user.name, profile = world.show_user(user).profile }
end)

users.presence = core.handler(function(args, me)
    local user = world.user(args.user or me.id)
    if not user then
        core.fail("user_not_found")
    end
    local presence = if user.presence == "away" then "away" else "active"
    return { presence = presence, online = presence == "active", auto_away = false, manual_away = presence == "away", connection_count = 1, last_activity = core.now() }
end)

users.set_presence = core.handler(function(args, me)
    local presence = core.need(args, "presence")
    if presence ~= "auto" and presence ~= "away" then
        core.fail("invalid_presence")
    end
    me.user.presence = presence
    state.put("/users", me.id, me.user)
    return {}
end)

users.identity = core.handler(function(_, me)
    return { user = { id = me.id, name = world.show_user(me.user).real_name, email = world.show_user(me.user).profile.email }, team = { id = world.team_id, name = world.team().name, domain = world.team().domain } }
end)

-- Who asks, and where

users.test = core.handler(function(_, me)
    local team = world.team()
    return {
        url = "https://" .. team.domain .. ".slack.com/", team = team.name, user = me.user.name, team_id = world.team_id, user_id = me.id,
        bot_id = me.bot_id, is_enterprise_install = false,
    }
end)

users.revoke = core.handler(function(args, me)
    if core.flag(args.test) then
        return { revoked = false }
    end
    local key = wt.crypto.sha256(me.token)
    state.put("/tokens", key, { id = key })
    return { revoked = true }
end)

users.teams = core.handler(function()
    return { teams = wt.array({ { id = world.team_id, name = world.team().name } }), response_metadata = { next_cursor = "" } }
end)

users.team = core.handler(function(args)
    if args.team and args.team ~= world.team_id then
        core.fail("team_not_found")
    end
    local team = world.team()
    return { team = { id = team.id, name = team.name, url = "https://" .. team.domain .. ".slack.com/", domain = team.domain, email_domain = team.email_domain, icon = { image_default = true }, is_verified = false } }
end)

users.bot = core.handler(function(args, me)
    for _, user in state.query("/users", "is_bot", true) do
        if user.bot_id == (args.bot or me.bot_id) then
            return { bot = { id = user.bot_id, deleted = false, name = user.name, updated = user.updated or 0, app_id = world.app_id, user_id = user.id, icons = world.bot_icons() } }
        end
    end
    core.fail("bot_not_found")
end)

-- Says back what it was told; `error` makes it fail.
users.api = core.handler(function(args)
    if args.error then
        core.fail(tostring(args.error), { args = args })
    end
    return { args = args }
end)

-- A code is good once.
users.access = core.handler(function(args, _, request)
    local id = args.client_id
    local basic = request.headers.authorization and string.match(request.headers.authorization, "^Basic%s+(.+)$")
    if not id and basic then
        id = string.match(wt.crypto.base64_decode(basic), "^([^:]*):")
    end
    if not id or id == "" then
        core.fail("invalid_client_id")
    end
    local code = args.code
    if not code or code == "" then
        core.fail("invalid_code")
    elseif state.get("/codes", wt.crypto.sha256(code)) then
        core.fail("code_already_used")
    end
    local key = wt.crypto.sha256(code)
    state.put("/codes", key, { id = key })
    local admin = state.query("/users", "name", "admin")[1]
    local bot = state.query("/users", "name", "twinbot")[1] or world.make_user("twinbot", { is_bot = true, bot_id = core.id("B", "bot twinbot"), real_name = "twinbot" })
    return {
        access_token = "xoxb-" .. string.sub(key, 1, 24), token_type = "bot", scope = args.scope or "chat:write,channels:read", bot_user_id = bot.id, app_id = world.app_id,
        team = { id = world.team_id, name = world.team().name }, enterprise = wt.null, is_enterprise_install = false,
        authed_user = { id = admin and admin.id, scope = "", access_token = "xoxp-" .. string.sub(key, 25, 48), token_type = "user" },
    }
end)

return users

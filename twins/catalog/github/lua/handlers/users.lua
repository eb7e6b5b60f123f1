local core = wt.import("core")
local people = wt.import("people")
local repos = wt.import("repos")

local FIELDS = { "name", "company", "blog", "location", "email", "bio", "hireable", "twitter_username" }

local users = {}

users.self = core.handler(function(request)
    emit.header("x-oauth-scopes", "gist, repo, user, workflow")
    emit.json(people.private(request, core.me(request)))
end)

users.edit = core.handler(function(request, given)
    local me = core.me(request)
    core.take(me, given, FIELDS)
    me.updated_at = core.now()
    state.put("/users", core.key(me.login), me)
    emit.json(people.private(request, me))
end)

users.get = core.handler(function(request)
    local user = core.user(request.params.username)
    if not user then
        core.not_found()
    end
    emit.json(people.full(request, user))
end)

users.list = core.handler(function(request)
    core.page(request, "/users", { min = { id = (tonumber(request.query.since) or 0) + 1 } }, function(user)
        return people.simple(request, user.login)
    end)
end)

users.emails = core.handler(function(request)
    local me = core.me(request)
    local email = core.value(me.email) or me.login .. "@users.noreply.github.com"
    emit.json(wt.array({ { email = email, primary = true, verified = true, visibility = "private" } }))
end)

users.organisations = core.handler(function(request)
    local me, found = core.me(request), {}
    for _, user in state.query("/users", "type", "Organization") do
        if state.get("/orgs/" .. core.key(user.login) .. "/members", core.key(me.login)) then
            table.insert(found, user)
        end
    end
    core.slice(request, found, function(org) return people.organisation(request, org) end)
end)

-- Organisations

users.organisation = core.handler(function(request)
    emit.json(people.organisation(request, people.find_organisation(request.params.org)))
end)

users.edit_organisation = core.handler(function(request, given)
    core.me(request)
    local org = people.find_organisation(request.params.org)
    core.take(org, given, { "name", "company", "blog", "location", "email", "description", "twitter_username" })
    org.updated_at = core.now()
    state.put("/users", core.key(org.login), org)
    emit.json(people.organisation(request, org))
end)

local function members(request)
    return "/orgs/" .. core.key(people.find_organisation(request.params.org).login) .. "/members"
end

users.members = core.handler(function(request)
    core.page(request, members(request), {}, function(member) return people.simple(request, member.login) end)
end)

users.is_member = core.handler(function(request)
    if not state.get(members(request), core.key(request.params.username)) then
        core.not_found()
    end
    core.no_content()
end)

local function membership(request, member)
    local api = core.api(request) .. "/orgs/" .. request.params.org
    return {
        url = api .. "/memberships/" .. member.login, state = member.state, role = member.role, organization_url = api,
        organization = people.organisation(request, core.user(request.params.org)), user = people.simple(request, member.login),
        direct_membership = true,
    }
end

users.membership = core.handler(function(request)
    local member = state.get(members(request), core.key(request.params.username))
    if not member then
        core.not_found()
    end
    emit.json(membership(request, member))
end)

users.add_member = core.handler(function(request, given)
    core.me(request)
    local user = core.person(request.params.username)
    local member = { login = user.login, role = given.role or "member", state = "active" }
    state.put(members(request), core.key(user.login), member)
    emit.json(membership(request, member))
end)

users.remove_member = core.handler(function(request)
    core.me(request)
    if not state.delete(members(request), core.key(request.params.username)) then
        core.not_found()
    end
    core.no_content()
end)

return users

-- Users and organisations as GitHub shows them.

local core = wt.import("core")

local people = {}

-- A user within another object.
function people.simple(request, login)
    local user = core.value(login) and core.user(login)
    if not user then
        return wt.null
    end
    local api = core.api(request) .. "/users/" .. user.login
    return {
        login = user.login, id = user.id, node_id = core.node("User", user.id), avatar_url = core.site(request) .. "/avatars/" .. user.id,
        gravatar_id = "", url = api, html_url = core.site(request) .. "/" .. user.login, followers_url = api .. "/followers",
        following_url = api .. "/following{/other_user}", gists_url = api .. "/gists{/gist_id}", starred_url = api .. "/starred{/owner}{/repo}",
        subscriptions_url = api .. "/subscriptions", organizations_url = api .. "/orgs", repos_url = api .. "/repos",
        events_url = api .. "/events{/privacy}", received_events_url = api .. "/received_events", type = user.type,
        user_view_type = "public", site_admin = false,
    }
end

function people.list(request, logins)
    return core.list(logins, function(login) return people.simple(request, login) end)
end

-- A user alone, with what is counted of him.
function people.full(request, user)
    local shown = people.simple(request, user.login)
    core.take(shown, user, { "name", "company", "blog", "location", "email", "bio", "hireable", "twitter_username", "created_at", "updated_at" })
    for _, name in { "name", "company", "location", "email", "bio", "hireable", "twitter_username" } do
        shown[name] = core.null(shown[name])
    end
    local _, public = wt.select("/repos/" .. user.login, { where = { private = false } })
    shown.public_repos, shown.public_gists, shown.followers, shown.following = public, 0, 0, 0
    return shown
end

function people.private(request, user)
    local shown = people.full(request, user)
    local _, private = wt.select("/repos/" .. user.login, { where = { private = true } })
    shown.private_gists, shown.total_private_repos, shown.owned_private_repos = 0, private, private
    shown.disk_usage, shown.collaborators, shown.two_factor_authentication, shown.user_view_type = 0, 0, false, "private"
    shown.plan = { name = "free", space = 976562499, private_repos = 10000, collaborators = 0 }
    return shown
end

function people.organisation(request, org)
    local api = core.api(request) .. "/orgs/" .. org.login
    local _, public = wt.select("/repos/" .. org.login, { where = { private = false } })
    return {
        login = org.login, id = org.id, node_id = core.node("Organization", org.id), url = api, repos_url = api .. "/repos",
        events_url = api .. "/events", hooks_url = api .. "/hooks", issues_url = api .. "/issues", members_url = api .. "/members{/member}",
        public_members_url = api .. "/public_members{/member}", avatar_url = core.site(request) .. "/avatars/" .. org.id,
        description = core.null(org.description), name = core.value(org.name), company = core.value(org.company), blog = org.blog or "",
        location = core.value(org.location), email = core.value(org.email), twitter_username = core.null(org.twitter_username),
        is_verified = false, has_organization_projects = true, has_repository_projects = true, public_repos = public, public_gists = 0,
        followers = 0, following = 0, html_url = core.site(request) .. "/" .. org.login, created_at = org.created_at,
        updated_at = org.updated_at, archived_at = wt.null, type = "Organization",
    }
end

-- An organisation that is there. Who names one that is not gets it made, as long as nobody has the name: GitHub
-- has no call that makes one.
function people.find_organisation(login)
    local org = core.user(login)
    if org and org.type ~= "Organization" or not core.is_login(login) then
        core.not_found()
    end
    return org or core.make_user(login, "Organization")
end

return people

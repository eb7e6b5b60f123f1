local core = wt.import("core")

local handlers = {}

handlers.root = core.handler(function(request)
    local api = core.api(request)
    local search = "{&page,per_page,sort,order}"
    emit.json({
        current_user_url = api .. "/user", current_user_repositories_url = api .. "/user/repos{?type,page,per_page,sort}", repository_url = api .. "/repos/{owner}/{repo}", user_url = api .. "/users/{user}",
        organization_url = api .. "/orgs/{org}", gists_url = api .. "/gists{/gist_id}", rate_limit_url = api .. "/rate_limit",
        issue_search_url = api .. "/search/issues?q={query}" .. search,
        repository_search_url = api .. "/search/repositories?q={query}" .. search,
        user_repositories_url = api .. "/users/{user}/repos{?type,page,per_page,sort}",
        current_user_authorizations_html_url = core.site(request) .. "/settings/connections/applications{/client_id}",
        authorizations_url = api .. "/authorizations", code_search_url = api .. "/search/code?q={query}" .. search,
        commit_search_url = api .. "/search/commits?q={query}" .. search, emails_url = api .. "/user/emails", emojis_url = api .. "/emojis",
        events_url = api .. "/events", feeds_url = api .. "/feeds", followers_url = api .. "/user/followers",
        following_url = api .. "/user/following{/target}", hub_url = api .. "/hub", issues_url = api .. "/issues", keys_url = api .. "/user/keys",
        label_search_url = api .. "/search/labels?q={query}&repository_id={repository_id}{&page,per_page}", notifications_url = api .. "/notifications",
        organization_repositories_url = api .. "/orgs/{org}/repos{?type,page,per_page,sort}", organization_teams_url = api .. "/orgs/{org}/teams",
        public_gists_url = api .. "/gists/public", starred_gists_url = api .. "/gists/starred", starred_url = api .. "/user/starred{/owner}{/repo}",
        topic_search_url = api .. "/search/topics?q={query}{&page,per_page}", user_organizations_url = api .. "/user/orgs",
        user_search_url = api .. "/search/users?q={query}" .. search,
    })
end)

handlers.zen = core.handler(function()
    emit.header("content-type", "text/plain; charset=utf-8")
    emit.body("Keep it logically awesome.")
end)

-- How the limits of who asks stand. Asking costs nothing.
handlers.rate_limit = core.handler(function()
    local resources = {}
    for name, limit in wt.limits() do
        if name ~= "rate_limit" then
            resources[name] = { limit = limit.limit, used = limit.limit - limit.remaining, remaining = limit.remaining, reset = math.ceil(clock.now() + limit.reset), resource = name }
        end
    end
    for _, name in { "core", "search", "graphql", "integration_manifest", "code_search" } do
        resources[name] = resources[name] or { limit = 5000, used = 0, remaining = 5000, reset = math.ceil(clock.now()) + 3600, resource = name }
    end
    emit.json({ resources = resources, rate = resources.core })
end)

return handlers

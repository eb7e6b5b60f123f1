local core = wt.import("core")

local handlers = {}

handlers.root = core.handler(function(request)
    local api = core.api(request)
    emit.json({
        current_user_url = api .. "/user", repository_url = api .. "/repos/{owner}/{repo}", user_url = api .. "/users/{user}",
        organization_url = api .. "/orgs/{org}", gists_url = api .. "/gists{/gist_id}", rate_limit_url = api .. "/rate_limit",
        issue_search_url = api .. "/search/issues?q={query}{&page,per_page,sort,order}",
        repository_search_url = api .. "/search/repositories?q={query}{&page,per_page,sort,order}",
        user_repositories_url = api .. "/users/{user}/repos{?type,page,per_page,sort}",
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

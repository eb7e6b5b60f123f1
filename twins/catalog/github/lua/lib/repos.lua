-- Repositories: finding, showing, permissions.

local core = wt.import("core")
local people = wt.import("people")

local repos = {}

-- The collection of what lies below a repository.
function repos.below(repo, kind)
    return "/repos/" .. repo.owner .. "/" .. repo.name .. "/" .. kind
end

local function by_key(owner, name)
    local found = wt.select("/repositories", { where = { key = core.key(owner .. "/" .. name) }, limit = 1 })[1]
    return found and state.get("/repos/" .. found.owner, found.name)
end

-- A repository that the asker may see; names are the same in any case of letters.
function repos.find(request, owner, name)
    local repo = state.get("/repos/" .. owner, name) or by_key(owner, name)
    if not repo then
        core.not_found()
    end
    if repo.private then
        local me = core.me_if_any(request)
        if not me or not repos.may(repo, me, "read") then
            core.not_found()
        end
    end
    return repo
end

local RANK = { none = 0, read = 1, triage = 2, write = 3, maintain = 4, admin = 5 }
repos.rank = RANK

-- `read`, `write`, `admin` or so: what a user may do.
function repos.permission(repo, login)
    if core.key(login) == core.key(repo.owner) then
        return "admin"
    end
    local own = state.get(repos.below(repo, "collaborators"), core.key(login))
    if own then
        return own.permission
    end
    local member = state.get("/orgs/" .. core.key(repo.owner) .. "/members", core.key(login))
    if member then
        return if member.role == "admin" then "admin" else "write"
    end
    -- An organisation that nobody was made a member of is everybody's.
    local owner = core.user(repo.owner)
    if owner and owner.type == "Organization" and state.count("/orgs/" .. core.key(repo.owner) .. "/members") == 0 then
        return "admin"
    end
    return if repo.private then "none" else "read"
end

function repos.may(repo, user, wanted)
    return RANK[repos.permission(repo, user.login)] >= RANK[wanted]
end

-- The repository of a request that changes something, and who asks.
function repos.open(request, wanted)
    local me = core.me(request)
    local repo = repos.find(request, request.params.owner, request.params.repo)
    if not repos.may(repo, me, wanted or "write") then
        core.fail(403, "Must have " .. (if wanted == "admin" then "admin" else "push") .. " access to repository")
    end
    if repo.archived and wanted ~= "admin" then
        core.fail(403, "Repository was archived so is read-only.")
    end
    return repo, me
end

-- The repository of a request that reads.
function repos.of(request)
    return repos.find(request, request.params.owner, request.params.repo)
end

function repos.keep(repo)
    state.put("/repos/" .. repo.owner, repo.name, repo)
    local key = core.key(repo.owner .. "/" .. repo.name)
    state.put("/repositories", tostring(repo.id), { key = key, owner = repo.owner, name = repo.name, private = repo.private })
    return repo
end

function repos.touch(repo, pushed)
    repo.updated_at = core.now()
    if pushed then
        repo.pushed_at = repo.updated_at
    end
    return repos.keep(repo)
end

function repos.api(request, repo)
    return core.api(request) .. "/repos/" .. repo.owner .. "/" .. repo.name
end

function repos.html(request, repo)
    return core.site(request) .. "/" .. repo.owner .. "/" .. repo.name
end

local LINKS = {
    forks = "/forks", keys = "/keys{/key_id}", collaborators = "/collaborators{/collaborator}", teams = "/teams", hooks = "/hooks",
    issue_events = "/issues/events{/number}", events = "/events", assignees = "/assignees{/user}", branches = "/branches{/branch}",
    tags = "/tags", blobs = "/git/blobs{/sha}", git_tags = "/git/tags{/sha}", git_refs = "/git/refs{/sha}", trees = "/git/trees{/sha}",
    statuses = "/statuses/{sha}", languages = "/languages", stargazers = "/stargazers", contributors = "/contributors",
    subscribers = "/subscribers", subscription = "/subscription", commits = "/commits{/sha}", git_commits = "/git/commits{/sha}",
    comments = "/comments{/number}", issue_comment = "/issues/comments{/number}", contents = "/contents/{+path}",
    compare = "/compare/{base}...{head}", merges = "/merges", archive = "/{archive_format}{/ref}", downloads = "/downloads",
    issues = "/issues{/number}", pulls = "/pulls{/number}", milestones = "/milestones{/number}",
    notifications = "/notifications{?since,all,participating}", labels = "/labels{/name}", releases = "/releases{/id}",
    deployments = "/deployments",
}

local OWN = {
    "id", "name", "private", "fork", "created_at", "updated_at", "pushed_at", "homepage", "size", "description", "language",
    "has_issues", "has_projects", "has_downloads", "has_wiki", "has_pages", "has_discussions", "archived", "disabled", "visibility",
    "default_branch", "is_template", "web_commit_signoff_required", "allow_forking", "stargazers_count",
}

-- A repository as lists and other objects show it.
function repos.show(request, repo)
    local api, html = repos.api(request, repo), repos.html(request, repo)
    local shown = {}
    core.take(shown, repo, OWN)
    for name, path in LINKS do
        shown[name .. "_url"] = api .. path
    end
    for _, name in { "description", "homepage", "language" } do
        shown[name] = core.null(shown[name])
    end
    local _, open = wt.select(repos.below(repo, "issues"), { where = { state = "open" }, limit = 0 })
    local full = repo.owner .. "/" .. repo.name
    shown.full_name, shown.owner, shown.node_id = full, people.simple(request, repo.owner), core.node("Repository", repo.id)
    shown.url, shown.html_url, shown.mirror_url, shown.license = api, html, wt.null, wt.null
    shown.git_url, shown.ssh_url = "git://github.com/" .. full .. ".git", "git@github.com:" .. full .. ".git"
    shown.clone_url, shown.svn_url = html .. ".git", html
    shown.topics = core.list(repo.topics)
    shown.stargazers_count = repo.stargazers_count or 0
    shown.watchers_count, shown.watchers = shown.stargazers_count, shown.stargazers_count
    shown.forks_count, shown.forks = repo.forks_count or 0, repo.forks_count or 0
    shown.open_issues_count, shown.open_issues = open, open
    local me = core.me_if_any(request)
    if me then
        local rank = RANK[repos.permission(repo, me.login)]
        shown.permissions = { admin = rank >= 5, maintain = rank >= 4, push = rank >= 3, triage = rank >= 2, pull = rank >= 1 }
    end
    return shown
end

-- A repository alone.
function repos.full(request, repo)
    local shown = repos.show(request, repo)
    core.take(shown, repo, { "allow_squash_merge", "allow_merge_commit", "allow_rebase_merge", "allow_auto_merge", "delete_branch_on_merge", "allow_update_branch" })
    shown.network_count, shown.subscribers_count, shown.temp_clone_token = repo.forks_count or 0, 1, ""
    local owner = core.user(repo.owner)
    if owner and owner.type == "Organization" then
        shown.organization = shown.owner
    end
    if repo.parent then
        local parent = wt.select("/repositories", { where = { key = repo.parent }, limit = 1 })[1]
        parent = parent and state.get("/repos/" .. parent.owner, parent.name)
        if parent then
            shown.parent = repos.show(request, parent)
            shown.source = shown.parent
        end
    end
    return shown
end

-- The permission an event's receiver does not see.
function repos.in_event(request, repo)
    local shown = repos.show(request, repo)
    shown.permissions = nil
    return shown
end

return repos

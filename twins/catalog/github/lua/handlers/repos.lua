local core = wt.import("core")
local people = wt.import("people")
local repos = wt.import("repos")
local git = wt.import("git")
local tell = wt.import("tell")

local handlers = {}

local DEFAULTS = {
    homepage = wt.null, description = wt.null, language = wt.null, has_issues = true, has_projects = true, has_wiki = true, has_pages = false,
    has_downloads = true, has_discussions = false, is_template = false, allow_squash_merge = true, allow_merge_commit = true,
    allow_rebase_merge = true, allow_auto_merge = false, delete_branch_on_merge = false, allow_update_branch = false,
    web_commit_signoff_required = false, allow_forking = true,
}
local SETTABLE = {}
for name in DEFAULTS do
    table.insert(SETTABLE, name)
end

local LABELS = {
    { "bug", "d73a4a", "Something isn't working" }, { "documentation", "0075ca", "Improvements or additions to documentation" },
    { "duplicate", "cfd3d7", "This issue or pull request already exists" }, { "enhancement", "a2eeef", "New feature or request" },
    { "good first issue", "7057ff", "Good for newcomers" }, { "help wanted", "008672", "Extra attention is needed" },
    { "invalid", "e4e669", "This doesn't seem right" }, { "question", "d876e3", "Further information is requested" },
    { "wontfix", "ffffff", "This will not be worked on" },
}

local function check_name(owner, name)
    if type(name) ~= "string" or name == "" then
        core.fail(422, "Repository creation failed.", { { resource = "Repository", field = "name", code = "missing_field" } })
    end
    name = string.gsub(name, "[^%w%._%-]", "-")
    local _, taken = wt.select("/repositories", { where = { key = core.key(owner .. "/" .. name) }, limit = 0 })
    if taken > 0 then
        core.fail(422, "Repository creation failed.", {
            { resource = "Repository", code = "custom", field = "name", message = "name already exists on this account" },
        })
    end
    return name
end

local function make(owner, given, fields)
    local now = core.now()
    local repo = {
        id = core.id(), owner = owner, name = check_name(owner, given.name), fork = false, created_at = now, updated_at = now, pushed_at = now,
        size = 0, archived = false, disabled = false, default_branch = "main", topics = wt.array({}), stargazers_count = 0, forks_count = 0,
        private = given.private == true or given.visibility == "private",
    }
    for name, value in DEFAULTS do
        repo[name] = if given[name] ~= nil then given[name] else value
    end
    repo.visibility = if repo.private then "private" else "public"
    for name, value in fields or {} do
        repo[name] = value
    end
    repos.keep(repo)
    for _, label in LABELS do
        state.put(repos.below(repo, "labels"), core.key(label[1]), { id = core.id(), name = label[1], color = label[2], description = label[3], default = true })
    end
    return repo
end

-- The first commit, where it is asked for.
local function begin(repo, me, given)
    local files = {}
    local function add(path, text)
        local sha, size = git.keep_blob(repo, wt.crypto.base64_encode(text))
        files[path] = { mode = "100644", type = "blob", sha = sha, size = size }
    end
    if given.auto_init then
        add("README.md", "# " .. repo.name .. (if core.value(repo.description) then "\n" .. repo.description else ""))
    end
    if given.gitignore_template then
        add(".gitignore", "# " .. given.gitignore_template .. "\n")
    end
    if given.license_template then
        add("LICENSE", given.license_template .. "\n")
    end
    if next(files) then
        local person = git.person(me)
        local commit = git.keep_commit(repo, { tree = git.keep_flat(repo, files), parents = {}, message = "Initial commit", author = person, committer = person })
        git.keep_ref(repo, "heads/" .. repo.default_branch, commit.sha)
    end
end

local function create(request, me, owner, given)
    local repo = make(owner, given)
    begin(repo, me, given)
    tell(request, repo, me, "repository.created", {})
    emit.status(201)
    emit.header("location", repos.api(request, repo))
    emit.json(repos.full(request, repo))
end

handlers.create = core.handler(function(request, given)
    local me = core.me(request)
    create(request, me, me.login, given)
end)

handlers.create_in_organisation = core.handler(function(request, given)
    create(request, core.me(request), people.find_organisation(request.params.org).login, given)
end)

handlers.get = core.handler(function(request)
    emit.json(repos.full(request, repos.of(request)))
end)

handlers.get_by_id = core.handler(function(request)
    local found = state.get("/repositories", request.params.repository_id or request.params.id)
    if not found then
        core.not_found()
    end
    emit.json(repos.full(request, repos.find(request, found.owner, found.name)))
end)

-- What lies below a repository and goes with it under another name.
local BELOW = {
    "git/blobs", "git/trees", "git/commits", "git/refs", "git/tags", "issues", "issues/comments", "issues/events", "labels", "milestones",
    "pulls", "pulls/reviews", "pulls/comments", "releases", "releases/assets", "hooks", "collaborators", "commits/comments", "statuses",
    "reactions", "keys", "counters",
}

local function rename(repo, name)
    local was = core.copy(repo)
    if core.key(name) ~= core.key(repo.name) then
        name = check_name(repo.owner, name)
    end
    repo.name = name
    for _, kind in BELOW do
        for _, object in state.list(repos.below(was, kind)) do
            local id = object.key or tostring(object.number or object.id or object.sha)
            state.put(repos.below(repo, kind), id, object)
        end
    end
    state.delete("/repos/" .. was.owner, was.name)
end

handlers.edit = core.handler(function(request, given)
    local repo, me = repos.open(request, "admin")
    if repo.archived and given.archived ~= false then
        core.fail(403, "Repository was archived so is read-only.")
    end
    core.take(repo, given, SETTABLE)
    core.take(repo, given, { "archived", "private" })
    if given.visibility then
        repo.private = given.visibility == "private"
    end
    repo.visibility = if repo.private then "private" else "public"
    if given.default_branch then
        if not git.ref(repo, "heads/" .. given.default_branch) then
            core.invalid("Repository", "default_branch", "invalid", "The branch " .. given.default_branch .. " was not found. Please push that ref first or create it via the Git Data API.")
        end
        repo.default_branch = given.default_branch
    end
    local before = repo.name
    if given.name and given.name ~= repo.name then
        rename(repo, given.name)
    end
    repos.touch(repo)
    if given.archived ~= nil then
        tell(request, repo, me, if given.archived then "repository.archived" else "repository.unarchived", {})
    elseif before ~= repo.name then
        tell(request, repo, me, "repository.renamed", { changes = { repository = { name = { from = before } } } })
    else
        tell(request, repo, me, "repository.edited", { changes = {} })
    end
    emit.json(repos.full(request, repo))
end)

handlers.delete = core.handler(function(request)
    local repo, me = repos.open(request, "admin")
    tell(request, repo, me, "repository.deleted", {})
    state.delete("/repositories", tostring(repo.id))
    state.delete("/repos/" .. repo.owner, repo.name)
    core.no_content()
end)

-- Lists

local ORDER = { created = "created_at", updated = "updated_at", pushed = "pushed_at", full_name = "name" }

local function options(request, where)
    local sort = request.query.sort or "full_name"
    local direction = request.query.direction or (if sort == "full_name" then "asc" else "desc")
    return { where = where, sort = ORDER[sort] or "name", reverse = direction == "desc" }
end

local function shows(request)
    return function(repo) return repos.show(request, repo) end
end

local function of_owner(request, login)
    local me, where = core.me_if_any(request), {}
    local kind = request.query.type
    local sees_all = me and (core.key(me.login) == core.key(login) or (core.user(login) or {}).type == "Organization")
    if not sees_all or kind == "public" or request.query.visibility == "public" then
        where.private = false
    elseif kind == "private" or request.query.visibility == "private" then
        where.private = true
    end
    if kind == "forks" then where.fork = true elseif kind == "sources" then where.fork = false end
    core.page(request, "/repos/" .. login, options(request, where), shows(request))
end

handlers.mine = core.handler(function(request)
    of_owner(request, core.me(request).login)
end)

handlers.of_user = core.handler(function(request)
    local user = core.user(request.params.username)
    if not user then
        core.not_found()
    end
    of_owner(request, user.login)
end)

handlers.of_organisation = core.handler(function(request)
    of_owner(request, people.find_organisation(request.params.org).login)
end)

-- Topics, languages, people

handlers.topics = core.handler(function(request)
    emit.json({ names = core.list(repos.of(request).topics) })
end)

handlers.set_topics = core.handler(function(request, given)
    local repo = repos.open(request, "admin")
    repo.topics = core.list(given.names, string.lower)
    repos.touch(repo)
    emit.json({ names = repo.topics })
end)

handlers.languages = core.handler(function(request)
    local endings = { py = "Python", js = "JavaScript", ts = "TypeScript", rs = "Rust", go = "Go", rb = "Ruby", lua = "Lua", java = "Java", c = "C", sh = "Shell", css = "CSS", html = "HTML" }
    local repo, bytes = repos.of(request), {}
    local head = git.resolve(repo)
    for path, entry in if head then git.flat(repo, head.tree) else {} do
        local language = endings[string.match(path, "%.(%w+)$") or ""]
        if language then
            bytes[language] = (bytes[language] or 0) + (entry.size or 0)
        end
    end
    emit.json(bytes)
end)

handlers.contributors = core.handler(function(request)
    local repo, counts, logins = repos.of(request), {}, {}
    local head = git.resolve(repo)
    for _, commit in if head then git.history(repo, head.sha) else {} do
        local login = commit.author.login
        if login then
            if not counts[login] then
                table.insert(logins, login)
            end
            counts[login] = (counts[login] or 0) + 1
        end
    end
    table.sort(logins, function(a, b) return counts[a] > counts[b] end)
    core.slice(request, logins, function(login)
        local shown = people.simple(request, login)
        shown.contributions = counts[login]
        return shown
    end)
end)

local ROLE = { pull = "read", push = "write" }
local RIGHTS = { read = "pull", write = "push" }

local function collaborator(request, repo, login)
    local shown, permission = people.simple(request, login), repos.permission(repo, login)
    local rank = repos.rank[permission]
    shown.permissions = { admin = rank >= 5, maintain = rank >= 4, push = rank >= 3, triage = rank >= 2, pull = rank >= 1 }
    shown.role_name = permission
    return shown
end

handlers.collaborators = core.handler(function(request)
    local repo = repos.of(request)
    local logins = { repo.owner }
    for _, one in state.list(repos.below(repo, "collaborators")) do
        table.insert(logins, one.login)
    end
    core.slice(request, logins, function(login) return collaborator(request, repo, login) end)
end)

local function is_collaborator(repo, login)
    return core.key(login) == core.key(repo.owner) or state.get(repos.below(repo, "collaborators"), core.key(login)) ~= nil
end

handlers.is_collaborator = core.handler(function(request)
    if not is_collaborator(repos.of(request), request.params.username) then
        core.not_found()
    end
    core.no_content()
end)

-- An invitation is taken up at once: there is nobody to wait for.
handlers.add_collaborator = core.handler(function(request, given)
    local repo, me = repos.open(request, "admin")
    local user = core.person(request.params.username)
    local known = is_collaborator(repo, user.login)
    local permission = given.permission or "push"
    state.put(repos.below(repo, "collaborators"), core.key(user.login), { key = core.key(user.login), login = user.login, permission = ROLE[permission] or permission })
    if known then
        return core.no_content()
    end
    tell(request, repo, me, "member.added", { member = people.simple(request, user.login) })
    local id = core.id()
    emit.status(201)
    emit.json({
        id = id, node_id = core.node("RepositoryInvitation", id), repository = repos.show(request, repo), invitee = people.simple(request, user.login),
        inviter = people.simple(request, me.login), permissions = ROLE[permission] or permission, created_at = core.now(), expired = false,
        url = core.api(request) .. "/user/repository_invitations/" .. id, html_url = repos.html(request, repo) .. "/invitations",
    })
end)

handlers.remove_collaborator = core.handler(function(request)
    local repo = repos.open(request, "admin")
    state.delete(repos.below(repo, "collaborators"), core.key(request.params.username))
    core.no_content()
end)

handlers.collaborator_permission = core.handler(function(request)
    local repo, login = repos.of(request), request.params.username
    if not core.user(login) then
        core.not_found()
    end
    local permission = repos.permission(repo, login)
    local simple = if permission == "maintain" then "write" elseif permission == "triage" then "read" else permission
    emit.json({ permission = simple, role_name = permission, user = collaborator(request, repo, login) })
end)

handlers.assignees = core.handler(function(request)
    local repo = repos.of(request)
    local logins = { repo.owner }
    for _, one in state.list(repos.below(repo, "collaborators")) do
        table.insert(logins, one.login)
    end
    core.slice(request, logins, function(login) return people.simple(request, login) end)
end)

handlers.is_assignee = core.handler(function(request)
    if not is_collaborator(repos.of(request), request.params.assignee) then
        core.not_found()
    end
    core.no_content()
end)

-- Forks and stars

handlers.fork = core.handler(function(request, given)
    local me, parent = core.me(request), repos.of(request)
    local owner = if given.organization then people.find_organisation(given.organization).login else me.login
    local wanted = { name = given.name or parent.name, description = parent.description, private = parent.private }
    local repo = make(owner, wanted, { fork = true, parent = core.key(parent.owner .. "/" .. parent.name), default_branch = parent.default_branch })
    for _, kind in { "git/blobs", "git/trees", "git/commits" } do
        for _, object in state.list(repos.below(parent, kind)) do
            state.put(repos.below(repo, kind), object.sha, object)
        end
    end
    for _, ref in state.list(repos.below(parent, "git/refs")) do
        git.keep_ref(repo, ref.name, ref.sha, ref.type)
    end
    parent.forks_count = (parent.forks_count or 0) + 1
    repos.keep(parent)
    tell(request, parent, me, "fork", { forkee = repos.in_event(request, repo) })
    emit.status(202)
    emit.json(repos.full(request, repo))
end)

handlers.forks = core.handler(function(request)
    local repo, found = repos.of(request), {}
    for _, one in state.list("/repositories") do
        local fork = state.get("/repos/" .. one.owner, one.name)
        if fork and fork.parent == core.key(repo.owner .. "/" .. repo.name) then
            table.insert(found, fork)
        end
    end
    core.slice(request, found, shows(request))
end)

local function star_key(repo) return tostring(repo.id) end

handlers.star = core.handler(function(request)
    local me, repo = core.me(request), repos.of(request)
    if not state.get("/stars/" .. me.id, star_key(repo)) then
        state.put("/stars/" .. me.id, star_key(repo), { owner = repo.owner, name = repo.name, starred_at = core.now() })
        repo.stargazers_count = (repo.stargazers_count or 0) + 1
        repos.keep(repo)
        tell(request, repo, me, "star.created", { starred_at = core.now() })
    end
    core.no_content()
end)

handlers.unstar = core.handler(function(request)
    local me, repo = core.me(request), repos.of(request)
    if state.delete("/stars/" .. me.id, star_key(repo)) then
        repo.stargazers_count = repo.stargazers_count - 1
        repos.keep(repo)
    end
    core.no_content()
end)

handlers.is_starred = core.handler(function(request)
    local me, repo = core.me(request), repos.of(request)
    if not state.get("/stars/" .. me.id, star_key(repo)) then
        core.not_found()
    end
    core.no_content()
end)

handlers.starred = core.handler(function(request)
    local found = {}
    for _, star in state.list("/stars/" .. core.me(request).id) do
        local repo = state.get("/repos/" .. star.owner, star.name)
        if repo then
            table.insert(found, repo)
        end
    end
    core.slice(request, found, shows(request))
end)

return handlers

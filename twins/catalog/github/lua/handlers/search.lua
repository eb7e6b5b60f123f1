local core = wt.import("core")
local people = wt.import("people")
local repos = wt.import("repos")
local issues = wt.import("issues")
local git = wt.import("git")

local handlers = {}

-- The words of a query and its `name:value` terms; what begins with a minus is not wanted.
local function parse(request)
    local text = request.query.q
    if not text or text == "" then
        core.fail(422, "Validation Failed", { { resource = "Search", field = "q", code = "missing" } })
    end
    local words, terms = {}, {}
    text = string.gsub(text, '(%-?)(%w+):"([^"]*)"', function(minus, name, value)
        table.insert(terms, { name = string.lower(name), value = value, minus = minus == "-" })
        return ""
    end)
    text = string.gsub(text, '"([^"]*)"', function(phrase)
        table.insert(words, string.lower(phrase))
        return ""
    end)
    for part in string.gmatch(text, "%S+") do
        local minus, name, value = string.match(part, "^(%-?)([%w%-]+):(.+)$")
        if name then
            table.insert(terms, { name = string.lower(name), value = value, minus = minus == "-" })
        else
            table.insert(words, string.lower(part))
        end
    end
    return words, terms
end

local function has_words(words, ...)
    local text = ""
    for index = 1, select("#", ...) do
        text ..= " " .. string.lower((select(index, ...)) or "")
    end
    for _, word in words do
        if not string.find(text, word, 1, true) then
            return false
        end
    end
    return true
end

-- Whether a value fits `>5`, `<=2020-01-01`, `1..5` or `5`.
local function fits(value, wanted)
    local is_number = type(value) == "number"
    local function read(text) return if is_number then tonumber(text) or 0 else text end
    local low, high = string.match(wanted, "^(.-)%.%.(.*)$")
    if low then
        return (low == "" or low == "*" or value >= read(low)) and (high == "" or high == "*" or value <= read(high))
    end
    local sign, bound = string.match(wanted, "^([<>]=?)(.+)$")
    if sign == ">" then return value > read(bound)
    elseif sign == ">=" then return value >= read(bound)
    elseif sign == "<" then return value < read(bound)
    elseif sign == "<=" then return value <= read(bound) end
    return if is_number then value == read(wanted) else string.sub(value, 1, #wanted) == wanted
end

local function same(a, b)
    return core.key(a or "") == core.key(b or "")
end

local function answer(request, found, show, kind)
    local size, offset = core.paging(request)
    local items = wt.array({})
    for index = offset + 1, math.min(offset + size, #found) do
        local shown = show(found[index])
        shown.score = 1.0
        table.insert(items, shown)
    end
    core.link(request, #found)
    emit.json({ total_count = #found, incomplete_results = false, items = items, search_type = kind })
end

local function all_repos(request)
    local me, found = core.me_if_any(request), {}
    for _, one in state.list("/repositories") do
        local repo = state.get("/repos/" .. one.owner, one.name)
        if repo and (not repo.private or me and repos.may(repo, me, "read")) then
            table.insert(found, repo)
        end
    end
    return found
end

local function sort(request, found, fields)
    local field = fields[request.query.sort or ""]
    if field then
        table.sort(found, function(a, b)
            local x, y = field(a), field(b)
            if request.query.order == "asc" then return x < y end
            return x > y
        end)
    end
end

local REPO = {
    user = function(repo, value) return same(repo.owner, value) end,
    org = function(repo, value) return same(repo.owner, value) end,
    repo = function(repo, value) return same(repo.owner .. "/" .. repo.name, value) end,
    topic = function(repo, value) return core.index(repo.topics or {}, string.lower(value)) ~= nil end,
    language = function(repo, value) return same(core.value(repo.language), value) end,
    stars = function(repo, value) return fits(repo.stargazers_count or 0, value) end,
    forks = function(repo, value) return fits(repo.forks_count or 0, value) end,
    archived = function(repo, value) return tostring(repo.archived) == value end,
    is = function(repo, value) return if value == "private" then repo.private elseif value == "public" then not repo.private else true end,
    fork = function(repo, value) return value == "true" or value == "only" and repo.fork end,
    created = function(repo, value) return fits(repo.created_at, value) end,
    pushed = function(repo, value) return fits(repo.pushed_at, value) end,
}

local function wanted(terms, tests, object)
    for _, term in terms do
        local test = tests[term.name]
        if test and (test(object, term.value) == true) == term.minus then
            return false
        end
    end
    return true
end

handlers.repositories = core.handler(function(request)
    local words, terms = parse(request)
    local found = {}
    for _, repo in all_repos(request) do
        if wanted(terms, REPO, repo) and has_words(words, repo.name, core.value(repo.description), table.concat(repo.topics or {}, " ")) then
            table.insert(found, repo)
        end
    end
    sort(request, found, {
        stars = function(repo) return repo.stargazers_count or 0 end, forks = function(repo) return repo.forks_count or 0 end,
        updated = function(repo) return repo.updated_at end,
    })
    answer(request, found, function(repo) return repos.show(request, repo) end)
end)

local function has_label(issue, value)
    for _, name in issue.labels do
        if same(name, value) then return true end
    end
    return false
end

local ISSUE = {
    user = function(one, value) return same(one.repo.owner, value) end,
    org = function(one, value) return same(one.repo.owner, value) end,
    repo = function(one, value) return same(one.repo.owner .. "/" .. one.repo.name, value) end,
    state = function(one, value) return one.issue.state == value end,
    type = function(one, value) return (one.issue.pull ~= nil) == (value == "pr") end,
    is = function(one, value)
        local issue = one.issue
        if value == "pr" or value == "pull-request" then return issue.pull ~= nil
        elseif value == "issue" then return issue.pull == nil
        elseif value == "open" or value == "closed" then return issue.state == value
        elseif value == "merged" then return issue.pull ~= nil and issue.pull.merged == true
        elseif value == "draft" then return issue.pull ~= nil and issue.pull.draft == true
        elseif value == "locked" then return issue.locked == true
        elseif value == "private" then return one.repo.private == true
        elseif value == "public" then return not one.repo.private end
        return true
    end,
    author = function(one, value) return same(one.issue.user, value) end,
    assignee = function(one, value) return core.index(one.issue.assignees, value) ~= nil end,
    mentions = function(one, value) return string.find(one.issue.body or "", "@" .. value, 1, true) ~= nil end,
    label = function(one, value) return has_label(one.issue, value) end,
    milestone = function(one, value)
        local milestone = one.issue.milestone and state.get(repos.below(one.repo, "milestones"), tostring(one.issue.milestone))
        return milestone ~= nil and same(milestone.title, value)
    end,
    no = function(one, value)
        if value == "label" then return #one.issue.labels == 0
        elseif value == "assignee" then return #one.issue.assignees == 0
        elseif value == "milestone" then return one.issue.milestone == nil end
        return true
    end,
    head = function(one, value) return one.issue.pull ~= nil and one.issue.pull.head == value end,
    base = function(one, value) return one.issue.pull ~= nil and one.issue.pull.base == value end,
    created = function(one, value) return fits(one.issue.created_at, value) end,
    updated = function(one, value) return fits(one.issue.updated_at, value) end,
    closed = function(one, value) return one.issue.closed_at ~= nil and fits(one.issue.closed_at, value) end,
}

handlers.issues = core.handler(function(request)
    local words, terms = parse(request)
    local found = {}
    for _, repo in all_repos(request) do
        for _, issue in state.list(repos.below(repo, "issues")) do
            local one = { repo = repo, issue = issue }
            if wanted(terms, ISSUE, one) and has_words(words, issue.title, issue.body) then
                table.insert(found, one)
            end
        end
    end
    -- The best match is the newest one, as all match alike.
    local fields = { created = function(one) return one.issue.created_at .. string.format("%09d", one.issue.id) end, updated = function(one) return one.issue.updated_at .. string.format("%09d", one.issue.id) end }
    fields[""] = fields.created
    sort(request, found, fields)
    answer(request, found, function(one)
        local shown = issues.show(request, one.repo, one.issue)
        shown.body = core.value(shown.body)
        return shown
    end, "lexical")
end)

handlers.users = core.handler(function(request)
    local words, terms = parse(request)
    local found = {}
    for _, user in state.list("/users") do
        local kind = true
        for _, term in terms do
            if term.name == "type" then kind = kind and (term.value == "org") == (user.type == "Organization") end
        end
        if kind and has_words(words, user.login, core.value(user.name)) then
            table.insert(found, user)
        end
    end
    answer(request, found, function(user) return people.simple(request, user.login) end)
end)

handlers.code = core.handler(function(request)
    local words, terms = parse(request)
    local found = {}
    for _, repo in all_repos(request) do
        local head = wanted(terms, REPO, repo) and git.resolve(repo)
        for path, entry in head and git.flat(repo, head.tree) or {} do
            local blob = git.blob(repo, entry.sha)
            local fitting = true
            for _, term in terms do
                if term.name == "filename" then fitting = fitting and string.match(path, "[^/]+$") == term.value
                elseif term.name == "extension" then fitting = fitting and string.match(path, "%.(%w+)$") == term.value
                elseif term.name == "path" then fitting = fitting and string.sub(path, 1, #term.value) == term.value end
            end
            if fitting and has_words(words, wt.crypto.base64_decode(blob.content)) then
                table.insert(found, { repo = repo, path = path, sha = entry.sha })
            end
        end
    end
    table.sort(found, function(a, b) return a.path < b.path end)
    answer(request, found, function(one)
        local api = repos.api(request, one.repo)
        return {
            name = string.match(one.path, "[^/]+$"), path = one.path, sha = one.sha, url = api .. "/contents/" .. one.path,
            git_url = api .. "/git/blobs/" .. one.sha, html_url = repos.html(request, one.repo) .. "/blob/" .. one.repo.default_branch .. "/" .. one.path,
            repository = repos.show(request, one.repo),
        }
    end)
end)

return handlers

local core = wt.import("core")
local people = wt.import("people")
local repos = wt.import("repos")
local issues = wt.import("issues")
local tell = wt.import("tell")

local handlers = {}

local function find(request)
    local repo = repos.of(request)
    local label = issues.label(repo, request.params.name)
    if not label then
        core.not_found()
    end
    return repo, label
end

handlers.list = core.handler(function(request)
    local repo = repos.of(request)
    core.page(request, repos.below(repo, "labels"), {}, function(label) return issues.show_label(request, repo, label) end)
end)

handlers.get = core.handler(function(request)
    local repo, label = find(request)
    emit.json(issues.show_label(request, repo, label))
end)

local function check_color(color)
    if type(color) ~= "string" or not string.match(color, "^%x%x%x%x%x%x$") then
        core.invalid("Label", "color", "invalid")
    end
    return string.lower(color)
end

handlers.create = core.handler(function(request, given)
    local repo, me = repos.open(request)
    if type(given.name) ~= "string" or given.name == "" then
        core.invalid("Label", "name", "missing_field")
    elseif issues.label(repo, given.name) then
        core.invalid("Label", "name", "already_exists")
    end
    local label = { id = core.id(), name = given.name, color = check_color(given.color or "ededed"), description = given.description, default = false }
    state.put(repos.below(repo, "labels"), core.key(label.name), label)
    tell(request, repo, me, "label.created", { label = issues.show_label(request, repo, label) })
    emit.status(201)
    emit.json(issues.show_label(request, repo, label))
end)

handlers.edit = core.handler(function(request, given)
    local repo, me = repos.open(request)
    local _, label = find(request)
    local before = label.name
    if given.color then label.color = check_color(given.color) end
    if given.description ~= nil then label.description = given.description end
    if given.new_name and given.new_name ~= before then
        if core.key(given.new_name) ~= core.key(before) and issues.label(repo, given.new_name) then
            core.invalid("Label", "name", "already_exists")
        end
        state.delete(repos.below(repo, "labels"), core.key(before))
        label.name = given.new_name
        for _, issue in wt.select(repos.below(repo, "issues"), { where = { labels = before } }) do
            issue.labels[core.index(issue.labels, before)] = label.name
            state.put(repos.below(repo, "issues"), tostring(issue.number), issue)
        end
    end
    state.put(repos.below(repo, "labels"), core.key(label.name), label)
    tell(request, repo, me, "label.edited", { label = issues.show_label(request, repo, label), changes = if before ~= label.name then { name = { from = before } } else {} })
    emit.json(issues.show_label(request, repo, label))
end)

handlers.delete = core.handler(function(request)
    local repo, me = repos.open(request)
    local _, label = find(request)
    state.delete(repos.below(repo, "labels"), core.key(label.name))
    for _, issue in wt.select(repos.below(repo, "issues"), { where = { labels = label.name } }) do
        table.remove(issue.labels, core.index(issue.labels, label.name))
        state.put(repos.below(repo, "issues"), tostring(issue.number), issue)
    end
    tell(request, repo, me, "label.deleted", { label = issues.show_label(request, repo, label) })
    core.no_content()
end)

-- Milestones

local function find_milestone(request)
    local repo = repos.of(request)
    local milestone = state.get(repos.below(repo, "milestones"), request.params.milestone_number)
    if not milestone then
        core.not_found()
    end
    return repo, milestone
end

handlers.milestones = core.handler(function(request)
    local repo, query = repos.of(request), request.query
    local wanted = query.state or "open"
    local options = { where = if wanted == "all" then {} else { state = wanted }, sort = if query.sort == "due_on" then "due_on" else nil, reverse = query.direction == "desc" }
    core.page(request, repos.below(repo, "milestones"), options, function(milestone) return issues.show_milestone(request, repo, milestone) end)
end)

handlers.milestone = core.handler(function(request)
    local repo, milestone = find_milestone(request)
    emit.json(issues.show_milestone(request, repo, milestone))
end)

local function take_milestone(repo, milestone, given)
    if given.title ~= nil then
        if type(given.title) ~= "string" or given.title == "" then
            core.invalid("Milestone", "title", "missing_field")
        end
        local same = wt.select(repos.below(repo, "milestones"), { where = { title = given.title } })[1]
        if same and same.number ~= milestone.number then
            core.invalid("Milestone", "title", "already_exists")
        end
        milestone.title = given.title
    end
    if given.description ~= nil then milestone.description = given.description end
    if core.value(given.due_on) then
        local due = wt.time.parse(given.due_on)
        if not due then core.invalid("Milestone", "due_on", "invalid") end
        milestone.due_on = wt.time.iso(due)
    elseif given.due_on == wt.null then
        milestone.due_on = wt.null
    end
    if given.state ~= nil and given.state ~= milestone.state then
        milestone.state = given.state
        milestone.closed_at = if given.state == "closed" then core.now() else wt.null
    end
    milestone.updated_at = core.now()
    state.put(repos.below(repo, "milestones"), tostring(milestone.number), milestone)
end

handlers.create_milestone = core.handler(function(request, given)
    local repo, me = repos.open(request)
    given.title = given.title or ""
    local milestone = { id = core.id(), number = state.counter("milestones of " .. repo.id), state = "open", creator = me.login, created_at = core.now(), description = wt.null, due_on = wt.null, closed_at = wt.null }
    take_milestone(repo, milestone, given)
    local shown = issues.show_milestone(request, repo, milestone)
    tell(request, repo, me, "milestone.created", { milestone = shown })
    emit.status(201)
    emit.json(shown)
end)

handlers.edit_milestone = core.handler(function(request, given)
    local repo, me = repos.open(request)
    local _, milestone = find_milestone(request)
    local before = milestone.state
    take_milestone(repo, milestone, given)
    local shown = issues.show_milestone(request, repo, milestone)
    tell(request, repo, me, if before == milestone.state then "milestone.edited" elseif before == "open" then "milestone.closed" else "milestone.opened", { milestone = shown })
    emit.json(shown)
end)

handlers.delete_milestone = core.handler(function(request)
    local repo, me = repos.open(request)
    local _, milestone = find_milestone(request)
    state.delete(repos.below(repo, "milestones"), tostring(milestone.number))
    for _, issue in wt.select(repos.below(repo, "issues"), { where = { milestone = milestone.number } }) do
        issue.milestone = wt.null
        state.put(repos.below(repo, "issues"), tostring(issue.number), issue)
    end
    tell(request, repo, me, "milestone.deleted", { milestone = issues.show_milestone(request, repo, milestone) })
    core.no_content()
end)

handlers.milestone_labels = core.handler(function(request)
    local repo, milestone = find_milestone(request)
    local seen, names = {}, {}
    for _, issue in wt.select(repos.below(repo, "issues"), { where = { milestone = milestone.number } }) do
        for _, name in issue.labels do
            if not seen[name] then
                seen[name] = true
                table.insert(names, name)
            end
        end
    end
    core.slice(request, issues.show_labels(request, repo, names))
end)

return handlers

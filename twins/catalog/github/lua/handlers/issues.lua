local core = wt.import("core")
local people = wt.import("people")
local repos = wt.import("repos")
local issues = wt.import("issues")
local tell = wt.import("tell")

local handlers = {}

local function tell_issue(request, repo, me, issue, action, more)
    local payload = more or {}
    if issue.pull then
        payload.number = issue.number
        payload.pull_request = wt.import("pulls").show(request, repo, issue, true)
        tell(request, repo, me, "pull_request." .. action, payload)
    else
        payload.issue = issues.show(request, repo, issue)
        tell(request, repo, me, "issues." .. action, payload)
    end
end

local function open_issue(request, wanted)
    local me = core.me(request)
    local repo = repos.of(request)
    if repo.archived then
        core.fail(403, "Repository was archived so is read-only.")
    end
    return repo, issues.find(repo, request.params.issue_number), me
end

local function check_title(given)
    if type(given.title) ~= "string" and type(given.title) ~= "number" or given.title == "" then
        core.invalid("Issue", "title", "missing_field")
    end
end

-- An empty text is none, too: clients send it.
local function take_milestone(repo, issue, number)
    number = if number == "" then wt.null else tonumber(number) or number
    if number ~= wt.null and not state.get(repos.below(repo, "milestones"), tostring(number)) then
        core.invalid("Issue", "milestone", "invalid")
    end
    issue.milestone = number
end

local function take_assignees(repo, given)
    local logins = wt.array({})
    local wanted = given.assignees or (core.value(given.assignee) and { given.assignee }) or {}
    for _, login in wanted do
        if issues.may_be_assigned(repo, login) then
            table.insert(logins, core.person(login).login)
        end
    end
    return logins
end

handlers.create = core.handler(function(request, given)
    local me, repo = core.me(request), repos.of(request)
    if repo.archived then
        core.fail(403, "Repository was archived so is read-only.")
    elseif not repo.has_issues then
        core.fail(410, "Issues are disabled for this repo")
    end
    check_title(given)
    local now = core.now()
    local issue = {
        id = core.id(), number = issues.number(repo), title = tostring(given.title), body = core.null(given.body), state = "open", user = me.login, locked = false,
        labels = wt.array({}), assignees = wt.array({}), created_at = now, milestone = wt.null, state_reason = wt.null, closed_at = wt.null,
        closed_by = wt.null, active_lock_reason = wt.null,
    }
    -- Who may not write has these silently left out.
    if repos.may(repo, me, "triage") then
        issue.labels, issue.assignees = issues.take_labels(repo, core.value(given.labels)), take_assignees(repo, given)
        if core.value(given.milestone) then
            take_milestone(repo, issue, given.milestone)
        end
    end
    issues.keep(repo, issue)
    for _, name in issue.labels do issues.happened(repo, issue, me, "labeled", { label = name }) end
    for _, login in issue.assignees do issues.happened(repo, issue, me, "assigned", { assignee = login }) end
    tell_issue(request, repo, me, issue, "opened")
    emit.status(201)
    emit.header("location", repos.api(request, repo) .. "/issues/" .. issue.number)
    emit.json(issues.show(request, repo, issue))
end)

handlers.get = core.handler(function(request)
    local repo = repos.of(request)
    emit.json(issues.show(request, repo, issues.find(repo, request.params.issue_number)))
end)

local ORDER = { created = "created_at", updated = "updated_at" }

local function options(request)
    local query, where = request.query, {}
    local wanted = query.state or "open"
    if wanted ~= "all" then where.state = wanted end
    if query.creator then where.user = query.creator end
    if query.assignee and query.assignee ~= "*" and query.assignee ~= "none" then where.assignees = query.assignee end
    if query.milestone and tonumber(query.milestone) then where.milestone = tonumber(query.milestone) end
    local options = { where = where, sort = ORDER[query.sort] , reverse = query.direction ~= "asc" }
    if query.since then options.min = { updated_at = query.since } end
    return options
end

-- What a selection cannot say: several labels, none, anybody, mentions.
local function is_wanted(query, issue)
    for name in string.gmatch(query.labels or "", "[^,]+") do
        local found = false
        for _, own in issue.labels do
            found = found or core.key(own) == core.key(name)
        end
        if not found then return false end
    end
    if query.assignee == "none" and #issue.assignees > 0 or query.assignee == "*" and #issue.assignees == 0 then return false end
    if query.milestone == "none" and issue.milestone or query.milestone == "*" and not issue.milestone then return false end
    if query.mentioned and not string.find(issue.body or "", "@" .. query.mentioned, 1, true) then return false end
    return true
end

handlers.list = core.handler(function(request)
    local repo, query = repos.of(request), request.query
    local show = function(issue) return issues.show(request, repo, issue) end
    if query.labels or query.assignee or query.milestone or query.mentioned then
        local found = {}
        for _, issue in wt.select(repos.below(repo, "issues"), options(request)) do
            if is_wanted(query, issue) then table.insert(found, issue) end
        end
        return core.slice(request, found, show)
    end
    core.page(request, repos.below(repo, "issues"), options(request), show)
end)

-- Issues of all repositories that concern who asks.
handlers.mine = core.handler(function(request)
    local me, found = core.me(request), {}
    local filter = request.query.filter or "assigned"
    for _, one in state.list("/repositories") do
        local repo = state.get("/repos/" .. one.owner, one.name)
        local chosen = options(request)
        if filter == "assigned" then chosen.where.assignees = me.login elseif filter == "created" then chosen.where.user = me.login end
        for _, issue in repo and wt.select(repos.below(repo, "issues"), chosen) or {} do
            table.insert(found, { repo = repo, issue = issue })
        end
    end
    core.slice(request, found, function(one)
        local shown = issues.show(request, one.repo, one.issue)
        shown.repository = repos.show(request, one.repo)
        return shown
    end)
end)

local function differing(before, after)
    local gone, come = {}, {}
    for _, one in before do if not core.index(after, one) then table.insert(gone, one) end end
    for _, one in after do if not core.index(before, one) then table.insert(come, one) end end
    return gone, come
end

local function set_labels(request, repo, me, issue, names)
    local gone, come = differing(issue.labels, names)
    issue.labels = names
    issues.keep(repo, issue)
    for _, change in { { gone, "unlabeled" }, { come, "labeled" } } do
        for _, name in change[1] do
            issues.happened(repo, issue, me, change[2], { label = name })
            tell_issue(request, repo, me, issue, change[2], { label = issues.show_label(request, repo, issues.label(repo, name) or { id = 0, name = name, color = "ededed" }) })
        end
    end
end

local function set_assignees(request, repo, me, issue, logins)
    local gone, come = differing(issue.assignees, logins)
    issue.assignees = logins
    issues.keep(repo, issue)
    for _, change in { { gone, "unassigned" }, { come, "assigned" } } do
        for _, login in change[1] do
            issues.happened(repo, issue, me, change[2], { assignee = login })
            tell_issue(request, repo, me, issue, change[2], { assignee = people.simple(request, login) })
        end
    end
end

handlers.edit = core.handler(function(request, given)
    local repo, issue, me = open_issue(request)
    local may = repos.may(repo, me, "triage")
    if not may and core.key(issue.user) ~= core.key(me.login) then
        core.fail(403, "Must have admin rights to Repository.")
    end
    local changes = {}
    if given.title ~= nil then
        check_title(given)
        if given.title ~= issue.title then
            changes.title = { from = issue.title }
            issues.happened(repo, issue, me, "renamed", { rename = { from = issue.title, to = given.title } })
            issue.title = given.title
        end
    end
    if given.body ~= nil and given.body ~= issue.body then
        changes.body = { from = issue.body or "" }
        issue.body = given.body
    end
    if given.milestone ~= nil and may then
        local before = issue.milestone
        take_milestone(repo, issue, given.milestone)
        local after = core.value(issue.milestone)
        if before ~= after then
            local milestone = state.get(repos.below(repo, "milestones"), tostring(after or before))
            issues.happened(repo, issue, me, if after then "milestoned" else "demilestoned", { milestone = milestone and milestone.title })
        end
    end
    local told
    if given.state ~= nil then
        if given.state ~= "open" and given.state ~= "closed" then
            core.invalid("Issue", "state", "invalid")
        end
        if given.state ~= issue.state then
            issue.state, told = given.state, if given.state == "closed" then "closed" else "reopened"
            issue.closed_at = if told == "closed" then core.now() else wt.null
            issue.closed_by = if told == "closed" then me.login else wt.null
            issue.state_reason = if issue.pull then wt.null elseif told == "closed" then core.value(given.state_reason) or "completed" else "reopened"
            issues.happened(repo, issue, me, told, { state_reason = issue.state_reason })
        elseif core.value(given.state_reason) then
            issue.state_reason = given.state_reason
        end
    end
    issues.keep(repo, issue)
    if next(changes) then tell_issue(request, repo, me, issue, "edited", { changes = changes }) end
    if told then tell_issue(request, repo, me, issue, told) end
    if may and given.labels ~= nil then set_labels(request, repo, me, issue, issues.take_labels(repo, core.value(given.labels))) end
    if may and (given.assignees ~= nil or given.assignee ~= nil) then set_assignees(request, repo, me, issue, take_assignees(repo, given)) end
    emit.json(issues.show(request, repo, issues.find(repo, issue.number)))
end)

-- Labels of an issue. They come as a list, as `{labels}`, or (of old clients) as bare names.
local function given_labels(request, given)
    return issues.take_labels(repos.of(request), if given.labels ~= nil then core.value(given.labels) else given)
end

handlers.labels = core.handler(function(request)
    local repo = repos.of(request)
    local issue = issues.find(repo, request.params.issue_number)
    core.slice(request, issues.show_labels(request, repo, issue.labels))
end)

handlers.add_labels = core.handler(function(request, given)
    local repo, issue, me = open_issue(request)
    local names = core.list(issue.labels)
    for _, name in given_labels(request, given) do
        if not core.index(names, name) then table.insert(names, name) end
    end
    set_labels(request, repo, me, issue, names)
    emit.json(issues.show_labels(request, repo, issue.labels))
end)

handlers.set_labels = core.handler(function(request, given)
    local repo, issue, me = open_issue(request)
    set_labels(request, repo, me, issue, given_labels(request, given))
    emit.json(issues.show_labels(request, repo, issue.labels))
end)

handlers.clear_labels = core.handler(function(request)
    local repo, issue, me = open_issue(request)
    set_labels(request, repo, me, issue, wt.array({}))
    core.no_content()
end)

handlers.remove_label = core.handler(function(request)
    local repo, issue, me = open_issue(request)
    local names, found = wt.array({}), false
    for _, name in issue.labels do
        if core.key(name) == core.key(request.params.name) then found = true else table.insert(names, name) end
    end
    if not found then
        core.fail(404, "Label does not exist")
    end
    set_labels(request, repo, me, issue, names)
    emit.json(issues.show_labels(request, repo, issue.labels))
end)

handlers.add_assignees = core.handler(function(request, given)
    local repo, issue, me = open_issue(request)
    local logins = core.list(issue.assignees)
    for _, login in take_assignees(repo, given) do
        if not core.index(logins, login) then table.insert(logins, login) end
    end
    set_assignees(request, repo, me, issue, logins)
    emit.status(201)
    emit.json(issues.show(request, repo, issue))
end)

handlers.remove_assignees = core.handler(function(request, given)
    local repo, issue, me = open_issue(request)
    local logins = wt.array({})
    for _, login in issue.assignees do
        if not core.index(given.assignees or {}, login) then table.insert(logins, login) end
    end
    set_assignees(request, repo, me, issue, logins)
    emit.json(issues.show(request, repo, issue))
end)

handlers.lock = core.handler(function(request, given)
    local repo, issue, me = open_issue(request)
    if not repos.may(repo, me, "triage") then
        core.fail(403, "Must have admin rights to Repository.")
    end
    local reason = core.value(given.lock_reason)
    if reason and not core.index({ "off-topic", "too heated", "resolved", "spam" }, reason) then
        core.invalid("Issue", "lock_reason", "invalid")
    end
    issue.locked, issue.active_lock_reason = true, core.null(reason)
    issues.keep(repo, issue)
    issues.happened(repo, issue, me, "locked", { lock_reason = reason })
    tell_issue(request, repo, me, issue, "locked")
    core.no_content()
end)

handlers.unlock = core.handler(function(request)
    local repo, issue, me = open_issue(request)
    issue.locked, issue.active_lock_reason = false, wt.null
    issues.keep(repo, issue)
    issues.happened(repo, issue, me, "unlocked")
    tell_issue(request, repo, me, issue, "unlocked")
    core.no_content()
end)

-- Events

handlers.events = core.handler(function(request)
    local repo = repos.of(request)
    local issue = issues.find(repo, request.params.issue_number)
    core.page(request, repos.below(repo, "issues/events"), { where = { issue = issue.number } }, function(event)
        return issues.show_event(request, repo, event)
    end)
end)

handlers.all_events = core.handler(function(request)
    local repo = repos.of(request)
    core.page(request, repos.below(repo, "issues/events"), { reverse = true }, function(event)
        return issues.show_event(request, repo, event, true)
    end)
end)

handlers.event = core.handler(function(request)
    local repo = repos.of(request)
    local event = state.get(repos.below(repo, "issues/events"), request.params.event_id)
    if not event then
        core.not_found()
    end
    emit.json(issues.show_event(request, repo, event, true))
end)

handlers.timeline = core.handler(function(request)
    local repo = repos.of(request)
    local issue = issues.find(repo, request.params.issue_number)
    local found = {}
    for _, event in wt.select(repos.below(repo, "issues/events"), { where = { issue = issue.number } }) do
        table.insert(found, { id = event.id, shown = issues.show_event(request, repo, event) })
    end
    for _, comment in wt.select(repos.below(repo, "issues/comments"), { where = { issue = issue.number } }) do
        local shown = issues.show_comment(request, repo, comment)
        shown.event, shown.actor = "commented", shown.user
        table.insert(found, { id = comment.id, shown = shown })
    end
    table.sort(found, function(a, b) return a.id < b.id end)
    core.slice(request, found, function(one) return one.shown end)
end)

-- Comments

handlers.create_comment = core.handler(function(request, given)
    local repo, issue, me = open_issue(request)
    if type(given.body) ~= "string" or given.body == "" then
        core.invalid("IssueComment", "body", "missing_field")
    end
    if issue.locked and not repos.may(repo, me, "triage") then
        core.fail(403, "Unable to create comment because issue is locked.")
    end
    local now = core.now()
    local comment = { id = core.id(), issue = issue.number, body = given.body, user = me.login, created_at = now, updated_at = now }
    state.put(repos.below(repo, "issues/comments"), tostring(comment.id), comment)
    issues.keep(repo, issue)
    local shown = issues.show_comment(request, repo, comment)
    tell(request, repo, me, "issue_comment.created", { issue = issues.show(request, repo, issue), comment = shown })
    emit.status(201)
    emit.header("location", shown.url)
    emit.json(shown)
end)

local function comment_options(request, where)
    local options = { where = where }
    if request.query.since then options.min = { updated_at = request.query.since } end
    if request.query.sort then options.sort = request.query.sort .. "_at" end
    options.reverse = request.query.direction == "desc"
    return options
end

handlers.comments = core.handler(function(request)
    local repo = repos.of(request)
    local issue = issues.find(repo, request.params.issue_number)
    core.page(request, repos.below(repo, "issues/comments"), comment_options(request, { issue = issue.number }), function(comment)
        return issues.show_comment(request, repo, comment)
    end)
end)

handlers.all_comments = core.handler(function(request)
    local repo = repos.of(request)
    core.page(request, repos.below(repo, "issues/comments"), comment_options(request, {}), function(comment)
        return issues.show_comment(request, repo, comment)
    end)
end)

local function find_comment(request)
    local repo = repos.of(request)
    local comment = state.get(repos.below(repo, "issues/comments"), request.params.comment_id)
    if not comment then
        core.not_found()
    end
    return repo, comment
end

handlers.comment = core.handler(function(request)
    local repo, comment = find_comment(request)
    emit.json(issues.show_comment(request, repo, comment))
end)

handlers.edit_comment = core.handler(function(request, given)
    local me, repo, comment = core.me(request), find_comment(request)
    local before = comment.body
    comment.body, comment.updated_at = given.body, core.now()
    state.put(repos.below(repo, "issues/comments"), tostring(comment.id), comment)
    local shown = issues.show_comment(request, repo, comment)
    tell(request, repo, me, "issue_comment.edited", { issue = issues.show(request, repo, issues.find(repo, comment.issue)), comment = shown, changes = { body = { from = before } } })
    emit.json(shown)
end)

handlers.delete_comment = core.handler(function(request)
    local me, repo, comment = core.me(request), find_comment(request)
    state.delete(repos.below(repo, "issues/comments"), tostring(comment.id))
    tell(request, repo, me, "issue_comment.deleted", { issue = issues.show(request, repo, issues.find(repo, comment.issue)), comment = issues.show_comment(request, repo, comment) })
    core.no_content()
end)

-- Reactions

local function subject(request)
    if request.params.comment_id then
        local repo, comment = find_comment(request)
        return repo, "comment " .. comment.id
    end
    local repo = repos.of(request)
    return repo, "issue " .. issues.find(repo, request.params.issue_number).number
end

local function show_reaction(request, reaction)
    return {
        id = reaction.id, node_id = core.node("Reaction", reaction.id), user = people.simple(request, reaction.user),
        content = reaction.content, created_at = reaction.created_at,
    }
end

handlers.react = core.handler(function(request, given)
    local me, repo, on = core.me(request), subject(request)
    if not core.index(issues.reactions, given.content) then
        core.invalid("Reaction", "content", "invalid")
    end
    local same = wt.select(repos.below(repo, "reactions"), { where = { subject = on, user = me.login, content = given.content } })[1]
    if same then
        return emit.json(show_reaction(request, same))
    end
    local reaction = { id = core.id(), subject = on, user = me.login, content = given.content, created_at = core.now() }
    state.put(repos.below(repo, "reactions"), tostring(reaction.id), reaction)
    emit.status(201)
    emit.json(show_reaction(request, reaction))
end)

handlers.reactions = core.handler(function(request)
    local repo, on = subject(request)
    core.page(request, repos.below(repo, "reactions"), { where = { subject = on, content = request.query.content } }, function(reaction)
        return show_reaction(request, reaction)
    end)
end)

handlers.unreact = core.handler(function(request)
    local me, repo = core.me(request), subject(request)
    if not state.delete(repos.below(repo, "reactions"), request.params.reaction_id) then
        core.not_found()
    end
    core.no_content()
end)

return handlers

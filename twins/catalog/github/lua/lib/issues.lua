-- Issues and what pull requests share with them: labels, people, comments, reactions, events.

local core = wt.import("core")
local people = wt.import("people")
local repos = wt.import("repos")

local issues = {}

local KINDS = { "+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes" }
issues.reactions = KINDS

-- Counts of the reactions to an object at an address.
function issues.show_reactions(repo, url, subject)
    local shown, total = { url = url .. "/reactions" }, 0
    for _, kind in KINDS do
        shown[kind] = 0
    end
    for _, reaction in wt.select(repos.below(repo, "reactions"), { where = { subject = subject } }) do
        shown[reaction.content] += 1
        total += 1
    end
    shown.total_count = total
    return shown
end

function issues.show_label(request, repo, label)
    local path = string.gsub(wt.url.encode(label.name), "%+", "%%20")
    return {
        id = label.id, node_id = core.node("Label", label.id), url = repos.api(request, repo) .. "/labels/" .. path, name = label.name,
        color = label.color, default = label.default or false, description = core.null(label.description),
    }
end

function issues.label(repo, name)
    return state.get(repos.below(repo, "labels"), core.key(name))
end

-- The labels of these names, made where they are not there. Names come alone or as `{name}`.
function issues.take_labels(repo, given)
    local names, seen = wt.array({}), {}
    for _, one in given or {} do
        local name = if type(one) == "table" then one.name else one
        if type(name) ~= "string" or name == "" then
            core.invalid("Label", "name", "invalid")
        end
        local label = issues.label(repo, name)
        if not label then
            label = { id = core.id(), name = name, color = "ededed", default = false }
            state.put(repos.below(repo, "labels"), core.key(name), label)
        end
        if not seen[label.name] then
            seen[label.name] = true
            table.insert(names, label.name)
        end
    end
    return names
end

function issues.show_labels(request, repo, names)
    local shown = wt.array({})
    for _, name in names or {} do
        local label = issues.label(repo, name)
        if label then
            table.insert(shown, issues.show_label(request, repo, label))
        end
    end
    return shown
end

function issues.show_milestone(request, repo, milestone)
    local url = repos.api(request, repo) .. "/milestones/" .. milestone.number
    local _, open = wt.select(repos.below(repo, "issues"), { where = { milestone = milestone.number, state = "open" }, limit = 0 })
    local _, closed = wt.select(repos.below(repo, "issues"), { where = { milestone = milestone.number, state = "closed" }, limit = 0 })
    return {
        url = url, html_url = repos.html(request, repo) .. "/milestone/" .. milestone.number, labels_url = url .. "/labels", id = milestone.id,
        node_id = core.node("Milestone", milestone.id), number = milestone.number, title = milestone.title,
        description = core.null(milestone.description), creator = people.simple(request, milestone.creator), open_issues = open,
        closed_issues = closed, state = milestone.state, created_at = milestone.created_at, updated_at = milestone.updated_at,
        due_on = core.null(milestone.due_on), closed_at = core.null(milestone.closed_at),
    }
end

function issues.association(repo, login)
    if core.key(login) == core.key(repo.owner) then
        return "OWNER"
    elseif state.get(repos.below(repo, "collaborators"), core.key(login)) then
        return "COLLABORATOR"
    elseif repos.permission(repo, login) == "admin" or repos.permission(repo, login) == "write" then
        return "MEMBER"
    end
    return "NONE"
end

function issues.find(repo, number)
    local issue = state.get(repos.below(repo, "issues"), tostring(tonumber(number) or number))
    if not issue then
        core.not_found()
    end
    return issue
end

function issues.keep(repo, issue)
    issue.updated_at = core.now()
    state.put(repos.below(repo, "issues"), tostring(issue.number), issue)
    return issue
end

-- The fields that issues and pull requests have alike.
function issues.common(request, repo, issue)
    local _, comments = wt.select(repos.below(repo, "issues/comments"), { where = { issue = issue.number }, limit = 0 })
    local milestone = issue.milestone and state.get(repos.below(repo, "milestones"), tostring(issue.milestone))
    return {
        number = issue.number, title = issue.title, body = core.null(issue.body), state = issue.state, locked = issue.locked,
        active_lock_reason = core.null(issue.active_lock_reason), user = people.simple(request, issue.user), comments = comments,
        labels = issues.show_labels(request, repo, issue.labels), assignees = people.list(request, issue.assignees),
        assignee = people.simple(request, issue.assignees and issue.assignees[1]), created_at = issue.created_at, updated_at = issue.updated_at,
        milestone = if milestone then issues.show_milestone(request, repo, milestone) else wt.null, closed_at = core.null(issue.closed_at),
        author_association = issues.association(repo, issue.user),
    }
end

function issues.show(request, repo, issue)
    local api, html = repos.api(request, repo), repos.html(request, repo)
    local url = api .. "/issues/" .. issue.number
    local shown = issues.common(request, repo, issue)
    shown.id, shown.node_id, shown.url, shown.repository_url = issue.id, core.node("Issue", issue.id), url, api
    shown.labels_url, shown.comments_url, shown.events_url = url .. "/labels{/name}", url .. "/comments", url .. "/events"
    shown.timeline_url, shown.html_url = url .. "/timeline", html .. (if issue.pull then "/pull/" else "/issues/") .. issue.number
    shown.state_reason, shown.performed_via_github_app = core.null(issue.state_reason), wt.null
    shown.closed_by = people.simple(request, issue.closed_by)
    shown.reactions = issues.show_reactions(repo, url, "issue " .. issue.number)
    shown.sub_issues_summary = { total = 0, completed = 0, percent_completed = 0 }
    if issue.pull then
        local pull = api .. "/pulls/" .. issue.number
        shown.draft = issue.pull.draft
        shown.pull_request = { url = pull, html_url = shown.html_url, diff_url = shown.html_url .. ".diff", patch_url = shown.html_url .. ".patch", merged_at = core.null(issue.pull.merged_at) }
    end
    return shown
end

-- Keeps what happened to an issue, for its events and its timeline.
function issues.happened(repo, issue, me, event, more)
    local kept = { id = core.id(), event = event, actor = me.login, created_at = core.now(), issue = issue.number }
    for name, value in more or {} do
        kept[name] = value
    end
    state.put(repos.below(repo, "issues/events"), tostring(kept.id), kept)
end

function issues.show_event(request, repo, event, with_issue)
    local shown = {
        id = event.id, node_id = core.node("IssueEvent", event.id), url = repos.api(request, repo) .. "/issues/events/" .. event.id,
        actor = people.simple(request, event.actor), event = event.event, commit_id = core.null(event.commit_id), commit_url = wt.null,
        created_at = event.created_at, performed_via_github_app = wt.null,
    }
    if event.label then
        local label = issues.label(repo, event.label)
        shown.label = { name = event.label, color = label and label.color or "ededed" }
    end
    if event.assignee then
        shown.assignee, shown.assigner = people.simple(request, event.assignee), shown.actor
    end
    if event.requested_reviewer then
        shown.requested_reviewer, shown.review_requester = people.simple(request, event.requested_reviewer), shown.actor
    end
    if event.milestone then shown.milestone = { title = event.milestone } end
    if event.rename then shown.rename = event.rename end
    if event.event == "closed" or event.event == "reopened" then shown.state_reason = core.null(event.state_reason) end
    if event.event == "locked" then shown.lock_reason = core.null(event.lock_reason) end
    if with_issue then
        local issue = state.get(repos.below(repo, "issues"), tostring(event.issue))
        shown.issue = issue and issues.show(request, repo, issue)
    end
    return shown
end

-- The next number of a repository's issues and pull requests.
function issues.number(repo)
    return state.counter("issues of " .. repo.id)
end

-- Whether a user can be assigned: only those with a say in the repository.
function issues.may_be_assigned(repo, login)
    return core.key(login) == core.key(repo.owner) or repos.rank[repos.permission(repo, login)] >= 3
        or state.get(repos.below(repo, "collaborators"), core.key(login)) ~= nil
end

function issues.show_comment(request, repo, comment)
    local url = repos.api(request, repo) .. "/issues/comments/" .. comment.id
    return {
        id = comment.id, node_id = core.node("IssueComment", comment.id), url = url, body = comment.body,
        html_url = repos.html(request, repo) .. "/issues/" .. comment.issue .. "#issuecomment-" .. comment.id,
        issue_url = repos.api(request, repo) .. "/issues/" .. comment.issue, user = people.simple(request, comment.user),
        created_at = comment.created_at, updated_at = comment.updated_at, author_association = issues.association(repo, comment.user),
        performed_via_github_app = wt.null, reactions = issues.show_reactions(repo, url, "comment " .. comment.id),
    }
end

return issues

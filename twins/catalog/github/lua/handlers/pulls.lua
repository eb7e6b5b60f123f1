local core = wt.import("core")
local people = wt.import("people")
local repos = wt.import("repos")
local issues = wt.import("issues")
local pulls = wt.import("pulls")
local git = wt.import("git")
local merging = wt.import("merging")
local tell = wt.import("tell")

local handlers = {}

local function of(request)
    local repo = repos.of(request)
    return repo, pulls.find(repo, request.params.pull_number)
end

local function told(request, repo, me, issue, action, more)
    local payload = more or {}
    payload.number, payload.pull_request = issue.number, pulls.show(request, repo, issue, true)
    tell(request, repo, me, "pull_request." .. action, payload)
end

handlers.list = core.handler(function(request)
    local repo, query = repos.of(request), request.query
    local wanted, found = query.state or "open", {}
    for _, issue in wt.select(repos.below(repo, "issues"), {
        where = { state = if wanted == "all" then nil else wanted, ["pull.base"] = query.base }, min = { ["pull.id"] = 0 },
        sort = if query.sort == "updated" then "updated_at" else nil,
        reverse = (query.direction or (if query.sort and query.sort ~= "created" then "asc" else "desc")) == "desc",
    }) do
        local from = pulls.head_repo(repo, issue)
        local label = (from and from.owner or repo.owner) .. ":" .. issue.pull.head
        if not query.head or query.head == label or not string.find(query.head, ":", 1, true) and query.head == issue.pull.head then
            table.insert(found, issue)
        end
    end
    core.slice(request, found, function(issue) return pulls.show(request, repo, issue) end)
end)

handlers.get = core.handler(function(request)
    local repo, issue = of(request)
    local accept = request.headers.accept or ""
    if string.find(accept, "diff", 1, true) or string.find(accept, "patch", 1, true) then
        local base_sha, head_sha = pulls.ends(repo, issue)
        local text = {}
        for _, file in pulls.files(repo, base_sha, head_sha) do
            table.insert(text, "diff --git a/" .. file.filename .. " b/" .. file.filename)
            table.insert(text, if file.status == "added" then "--- /dev/null" else "--- a/" .. file.filename)
            table.insert(text, if file.status == "removed" then "+++ /dev/null" else "+++ b/" .. file.filename)
            table.insert(text, file.patch)
        end
        emit.header("content-type", "application/vnd.github.diff; charset=utf-8")
        return emit.body(table.concat(text, "\n") .. "\n")
    end
    emit.json(pulls.show(request, repo, issue, true))
end)

handlers.create = core.handler(function(request, given)
    local me, repo = core.me(request), repos.of(request)
    for _, field in { "head", "base" } do
        if type(given[field]) ~= "string" or given[field] == "" then
            core.invalid("PullRequest", field, "missing_field")
        end
    end
    local from, head = repo, given.head
    local owner, branch = string.match(head, "^([^:]+):(.+)$")
    if owner then
        head = branch
        if core.key(owner) ~= core.key(repo.owner) then
            from = nil
            for _, one in wt.select("/repos/" .. owner, { where = { fork = true } }) do
                if one.parent == core.key(repo.owner .. "/" .. repo.name) then from = one end
            end
        end
    end
    local head_ref, base_ref = from and git.ref(from, "heads/" .. head), git.ref(repo, "heads/" .. given.base)
    if not head_ref then
        core.invalid("PullRequest", "head", "invalid")
    elseif not base_ref then
        core.invalid("PullRequest", "base", "invalid")
    end
    pulls.fetch(from, repo, head_ref.sha)
    local label = from.owner .. ":" .. head
    for _, issue in wt.select(repos.below(repo, "issues"), { where = { state = "open", ["pull.head"] = head, ["pull.base"] = given.base } }) do
        if (issue.pull.head_repo or repo.id) == from.id then
            core.fail(422, "Validation Failed", { { resource = "PullRequest", code = "custom", message = "A pull request already exists for " .. label .. "." } })
        end
    end
    if #pulls.commits(repo, base_ref.sha, head_ref.sha) == 0 then
        core.fail(422, "Validation Failed", { { resource = "PullRequest", code = "custom", message = "No commits between " .. given.base .. " and " .. head } })
    end
    local issue, now
    if core.value(given.issue) then
        issue = issues.find(repo, given.issue)
    else
        if type(given.title) ~= "string" or given.title == "" then
            core.invalid("PullRequest", "title", "missing_field")
        end
        now = core.now()
        issue = {
            id = core.id(), number = issues.number(repo), title = given.title, body = core.null(given.body), state = "open", user = me.login, locked = false,
            labels = wt.array({}), assignees = wt.array({}), created_at = now, milestone = wt.null, state_reason = wt.null, closed_at = wt.null,
            closed_by = wt.null, active_lock_reason = wt.null,
        }
    end
    issue.pull = {
        id = core.id(), head = head, base = given.base, head_sha = head_ref.sha, base_sha = base_ref.sha, draft = given.draft == true,
        maintainer_can_modify = given.maintainer_can_modify ~= false and from ~= repo, merged = false, requested_reviewers = wt.array({}),
        head_repo = if from.id ~= repo.id then from.id else nil,
    }
    issues.keep(repo, issue)
    told(request, repo, me, issue, "opened")
    emit.status(201)
    emit.header("location", repos.api(request, repo) .. "/pulls/" .. issue.number)
    emit.json(pulls.show(request, repo, issue, true))
end)

handlers.edit = core.handler(function(request, given)
    local me = core.me(request)
    local repo, issue = of(request)
    if not repos.may(repo, me, "triage") and core.key(issue.user) ~= core.key(me.login) then
        core.fail(403, "Must have admin rights to Repository.")
    end
    local changes, action = {}, nil
    if given.title ~= nil and given.title ~= issue.title then
        changes.title = { from = issue.title }
        issues.happened(repo, issue, me, "renamed", { rename = { from = issue.title, to = given.title } })
        issue.title = given.title
    end
    if given.body ~= nil then issue.body = given.body end
    if given.base ~= nil and given.base ~= issue.pull.base then
        if not git.ref(repo, "heads/" .. given.base) then
            core.invalid("PullRequest", "base", "invalid")
        end
        changes.base = { ref = { from = issue.pull.base } }
        issue.pull.base = given.base
    end
    if given.state ~= nil and given.state ~= issue.state then
        if issue.pull.merged then
            core.invalid("PullRequest", "state", "invalid", "Cannot change the state of a merged pull request.")
        end
        issue.pull.base_sha, issue.pull.head_sha = pulls.ends(repo, issue)
        issue.state, action = given.state, if given.state == "closed" then "closed" else "reopened"
        issue.closed_at = if action == "closed" then core.now() else wt.null
        issue.closed_by = if action == "closed" then me.login else wt.null
        issues.happened(repo, issue, me, action)
    end
    issues.keep(repo, issue)
    if next(changes) then told(request, repo, me, issue, "edited", { changes = changes }) end
    if action then told(request, repo, me, issue, action) end
    emit.json(pulls.show(request, repo, issue, true))
end)

handlers.commits = core.handler(function(request)
    local repo, issue = of(request)
    local base_sha, head_sha = pulls.ends(repo, issue)
    core.slice(request, pulls.commits(repo, base_sha, head_sha), function(commit) return git.show_commit(request, repo, commit) end)
end)

handlers.files = core.handler(function(request)
    local repo, issue = of(request)
    local base_sha, head_sha = pulls.ends(repo, issue)
    core.slice(request, git.show_files(request, repo, head_sha, pulls.files(repo, base_sha, head_sha)))
end)

-- Merging

handlers.is_merged = core.handler(function(request)
    local _, issue = of(request)
    if not issue.pull.merged then
        core.not_found()
    end
    core.no_content()
end)

-- The commit that a merge of one kind makes of two ends.
local function merge_commit(repo, me, issue, given, base, head, tree)
    local person, number = git.person(me), issue.number
    local method = given.merge_method or "merge"
    if method == "merge" then
        local title = core.value(given.commit_title) or ("Merge pull request #" .. number .. " from " .. (pulls.head_repo(repo, issue) or repo).owner .. "/" .. issue.pull.head)
        local message = title .. "\n\n" .. (core.value(given.commit_message) or issue.title)
        return git.keep_commit(repo, { tree = tree, parents = { base.sha, head.sha }, message = message, author = person, committer = person })
    elseif method == "squash" then
        local title = core.value(given.commit_title) or (issue.title .. " (#" .. number .. ")")
        local message = if core.value(given.commit_message) then title .. "\n\n" .. given.commit_message else title
        return git.keep_commit(repo, { tree = tree, parents = { base.sha }, message = message, author = person, committer = person })
    end
    local last = base
    for _, commit in pulls.commits(repo, base.sha, head.sha) do
        local parent = git.commit(repo, commit.parents[1])
        local _, known = git.history(repo, last.sha)
        local own = if known[parent.sha] and parent.sha == last.sha then commit.tree else merging.tree(repo, last, commit)
        last = git.keep_commit(repo, { tree = own or tree, parents = { last.sha }, message = commit.message, author = commit.author, committer = person })
    end
    return last
end

handlers.merge = core.handler(function(request, given)
    local repo, me = repos.open(request)
    local issue = pulls.find(repo, request.params.pull_number)
    if issue.state ~= "open" or issue.pull.draft then
        core.fail(405, "Pull Request is not mergeable")
    end
    local allowed = { merge = repo.allow_merge_commit, squash = repo.allow_squash_merge, rebase = repo.allow_rebase_merge }
    local method = given.merge_method or "merge"
    if allowed[method] == nil then
        core.invalid("PullRequest", "merge_method", "invalid")
    elseif not allowed[method] then
        core.fail(405, (if method == "merge" then "Merge commits" elseif method == "squash" then "Squash merges" else "Rebase merges") .. " are not allowed on this repository.")
    end
    local base_sha, head_sha = pulls.ends(repo, issue)
    if core.value(given.sha) and given.sha ~= head_sha then
        core.fail(409, "Head branch was modified. Review and try the merge again.")
    end
    pulls.fetch(pulls.head_repo(repo, issue) or repo, repo, head_sha)
    local base, head = git.commit(repo, base_sha), git.commit(repo, head_sha)
    local tree = merging.tree(repo, base, head)
    if not tree then
        core.fail(405, "Pull Request has merge conflicts")
    end
    local made = merge_commit(repo, me, issue, given, base, head, tree)
    git.push(request, repo, me, issue.pull.base, made)
    local now = core.now()
    issue.state, issue.closed_at, issue.closed_by = "closed", now, me.login
    issue.pull.merged, issue.pull.merged_at, issue.pull.merged_by, issue.pull.merge_commit_sha = true, now, me.login, made.sha
    issue.pull.base_sha, issue.pull.head_sha = base_sha, head_sha
    issues.keep(repo, issue)
    issues.happened(repo, issue, me, "merged", { commit_id = made.sha })
    issues.happened(repo, issue, me, "closed")
    told(request, repo, me, issue, "closed")
    if repo.delete_branch_on_merge and not issue.pull.head_repo then
        state.delete(repos.below(repo, "git/refs"), "heads/" .. issue.pull.head)
    end
    emit.json({ sha = made.sha, merged = true, message = "Pull Request successfully merged" })
end)

handlers.update_branch = core.handler(function(request)
    local repo, me = repos.open(request)
    local issue = pulls.find(repo, request.params.pull_number)
    local base_sha, head_sha = pulls.ends(repo, issue)
    local base, head = git.commit(repo, base_sha), git.commit(repo, head_sha)
    local tree = merging.tree(repo, head, base)
    if not tree then
        core.fail(422, "merge conflict between base and head")
    end
    local person = git.person(me)
    local message = "Merge branch '" .. issue.pull.base .. "' into " .. issue.pull.head
    local made = git.keep_commit(repo, { tree = tree, parents = { head_sha, base_sha }, message = message, author = person, committer = person })
    git.push(request, repo, me, issue.pull.head, made)
    emit.status(202)
    emit.json({ message = "Updating pull request branch.", url = repos.html(request, repo) .. "/pull/" .. issue.number })
end)

-- Reviewers

local function set_reviewers(request, repo, me, issue, logins, action, changed)
    issue.pull.requested_reviewers = logins
    issues.keep(repo, issue)
    for _, login in changed do
        issues.happened(repo, issue, me, action, { requested_reviewer = login })
        told(request, repo, me, issue, action, { requested_reviewer = people.simple(request, login) })
    end
end

handlers.reviewers = core.handler(function(request)
    local _, issue = of(request)
    emit.json({ users = people.list(request, issue.pull.requested_reviewers), teams = wt.array({}) })
end)

handlers.request_reviewers = core.handler(function(request, given)
    local repo, me = repos.open(request)
    local issue = pulls.find(repo, request.params.pull_number)
    local logins, changed = core.list(issue.pull.requested_reviewers), {}
    for _, login in given.reviewers or {} do
        if core.key(login) == core.key(issue.user) then
            core.fail(422, "Review cannot be requested from pull request author.")
        elseif not issues.may_be_assigned(repo, login) then
            core.fail(422, "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the " .. repo.owner .. "/" .. repo.name .. " repository.")
        end
        if not core.index(logins, login) then
            table.insert(logins, core.person(login).login)
            table.insert(changed, login)
        end
    end
    set_reviewers(request, repo, me, issue, logins, "review_requested", changed)
    emit.status(201)
    emit.json(pulls.show(request, repo, issue))
end)

handlers.remove_reviewers = core.handler(function(request, given)
    local repo, me = repos.open(request)
    local issue = pulls.find(repo, request.params.pull_number)
    local logins, changed = wt.array({}), {}
    for _, login in issue.pull.requested_reviewers do
        table.insert(if core.index(given.reviewers or {}, login) then changed else logins, login)
    end
    set_reviewers(request, repo, me, issue, logins, "review_request_removed", changed)
    emit.json(pulls.show(request, repo, issue))
end)

-- Reviews

local STATES = { APPROVE = "APPROVED", REQUEST_CHANGES = "CHANGES_REQUESTED", COMMENT = "COMMENTED" }

local function find_review(request)
    local repo, issue = of(request)
    local review = state.get(repos.below(repo, "pulls/reviews"), request.params.review_id)
    if not review or review.pull ~= issue.number then
        core.not_found()
    end
    return repo, issue, review
end

local function keep_review(repo, review)
    state.put(repos.below(repo, "pulls/reviews"), tostring(review.id), review)
end

local function submit(request, repo, me, issue, review, event)
    if event == "APPROVE" and core.key(issue.user) == core.key(me.login) then
        core.fail(422, "Unprocessable Entity", { "Can not approve your own pull request" })
    elseif event == "REQUEST_CHANGES" and core.key(issue.user) == core.key(me.login) then
        core.fail(422, "Unprocessable Entity", { "Can not request changes on your own pull request" })
    elseif event ~= "APPROVE" and (review.body or "") == "" and not review.has_comments then
        core.fail(422, "Unprocessable Entity", { "Could not submit the review without a body or comments." })
    end
    review.state, review.submitted_at = STATES[event], core.now()
    keep_review(repo, review)
    local left = wt.array({})
    for _, login in issue.pull.requested_reviewers do
        if core.key(login) ~= core.key(me.login) then table.insert(left, login) end
    end
    issue.pull.requested_reviewers = left
    issues.keep(repo, issue)
    tell(request, repo, me, "pull_request_review.submitted", { review = pulls.show_review(request, repo, review), pull_request = pulls.show(request, repo, issue) })
end

local function add_comment(request, repo, me, issue, given, review)
    local _, head_sha = pulls.ends(repo, issue)
    local now = core.now()
    local comment = {
        id = core.id(), pull = issue.number, path = given.path, body = given.body, position = given.position, line = given.line, side = given.side,
        start_line = given.start_line, commit_id = given.commit_id or head_sha, user = me.login, created_at = now, updated_at = now,
        in_reply_to = given.in_reply_to, review = review, subject_type = given.subject_type,
    }
    for _, file in pulls.files(repo, pulls.ends(repo, issue)) do
        if file.filename == comment.path then comment.diff_hunk = file.patch end
    end
    if not comment.diff_hunk then
        core.invalid("PullRequestReviewComment", "path", "invalid", "path could not be resolved")
    end
    state.put(repos.below(repo, "pulls/comments"), tostring(comment.id), comment)
    local shown = pulls.show_comment(request, repo, comment)
    tell(request, repo, me, "pull_request_review_comment.created", { comment = shown, pull_request = pulls.show(request, repo, issue) })
    return shown
end

handlers.create_review = core.handler(function(request, given)
    local me = core.me(request)
    local repo, issue = of(request)
    local _, head_sha = pulls.ends(repo, issue)
    if core.value(given.event) and not STATES[given.event] then
        core.fail(422, "Unprocessable Entity", { "Variable $event of type PullRequestReviewEvent was provided invalid value" })
    end
    local review = { id = core.id(), pull = issue.number, user = me.login, body = core.value(given.body), state = "PENDING", commit_id = core.value(given.commit_id) or head_sha, has_comments = #(core.value(given.comments) or {}) > 0 }
    if core.value(given.event) then
        submit(request, repo, me, issue, review, given.event)
    else
        keep_review(repo, review)
    end
    for _, comment in core.value(given.comments) or {} do
        add_comment(request, repo, me, issue, comment, review.id)
    end
    emit.json(pulls.show_review(request, repo, review))
end)

handlers.submit_review = core.handler(function(request, given)
    local me = core.me(request)
    local repo, issue, review = find_review(request)
    if not STATES[given.event or ""] then
        core.fail(422, "Unprocessable Entity", { "event is not included in the list" })
    end
    review.body = core.value(given.body) or review.body
    submit(request, repo, me, issue, review, given.event)
    emit.json(pulls.show_review(request, repo, review))
end)

handlers.reviews = core.handler(function(request)
    local repo, issue = of(request)
    core.page(request, repos.below(repo, "pulls/reviews"), { where = { pull = issue.number } }, function(review) return pulls.show_review(request, repo, review) end)
end)

handlers.review = core.handler(function(request)
    local repo, _, review = find_review(request)
    emit.json(pulls.show_review(request, repo, review))
end)

handlers.edit_review = core.handler(function(request, given)
    local repo, _, review = find_review(request)
    review.body = given.body
    keep_review(repo, review)
    emit.json(pulls.show_review(request, repo, review))
end)

handlers.dismiss_review = core.handler(function(request)
    local me = core.me(request)
    local repo, issue, review = find_review(request)
    review.state = "DISMISSED"
    keep_review(repo, review)
    tell(request, repo, me, "pull_request_review.dismissed", { review = pulls.show_review(request, repo, review), pull_request = pulls.show(request, repo, issue) })
    emit.json(pulls.show_review(request, repo, review))
end)

handlers.delete_review = core.handler(function(request)
    local repo, _, review = find_review(request)
    if review.state ~= "PENDING" then
        core.fail(422, "Can not delete a non-pending pull request review")
    end
    state.delete(repos.below(repo, "pulls/reviews"), tostring(review.id))
    emit.json(pulls.show_review(request, repo, review))
end)

handlers.review_comments = core.handler(function(request)
    local repo, _, review = find_review(request)
    core.page(request, repos.below(repo, "pulls/comments"), { where = { review = review.id } }, function(comment) return pulls.show_comment(request, repo, comment) end)
end)

-- Comments on lines

handlers.create_comment = core.handler(function(request, given)
    local me = core.me(request)
    local repo, issue = of(request)
    if type(given.body) ~= "string" or given.body == "" then
        core.invalid("PullRequestReviewComment", "body", "missing_field")
    end
    if core.value(given.in_reply_to) then
        local first = state.get(repos.below(repo, "pulls/comments"), tostring(given.in_reply_to))
        if not first then core.not_found() end
        given.path, given.line, given.position, given.commit_id = first.path, first.line, first.position, first.commit_id
    end
    emit.status(201)
    emit.json(add_comment(request, repo, me, issue, given))
end)

handlers.reply = core.handler(function(request, given)
    local me = core.me(request)
    local repo, issue = of(request)
    local first = state.get(repos.below(repo, "pulls/comments"), request.params.comment_id)
    if not first then core.not_found() end
    emit.status(201)
    emit.json(add_comment(request, repo, me, issue, { body = given.body, path = first.path, line = first.line, position = first.position, commit_id = first.commit_id, in_reply_to = first.id }))
end)

handlers.comments = core.handler(function(request)
    local repo, issue = of(request)
    core.page(request, repos.below(repo, "pulls/comments"), { where = { pull = issue.number } }, function(comment) return pulls.show_comment(request, repo, comment) end)
end)

handlers.all_comments = core.handler(function(request)
    local repo = repos.of(request)
    core.page(request, repos.below(repo, "pulls/comments"), {}, function(comment) return pulls.show_comment(request, repo, comment) end)
end)

local function find_comment(request)
    local repo = repos.of(request)
    local comment = state.get(repos.below(repo, "pulls/comments"), request.params.comment_id)
    if not comment then core.not_found() end
    return repo, comment
end

handlers.comment = core.handler(function(request)
    local repo, comment = find_comment(request)
    emit.json(pulls.show_comment(request, repo, comment))
end)

handlers.edit_comment = core.handler(function(request, given)
    core.me(request)
    local repo, comment = find_comment(request)
    comment.body, comment.updated_at = given.body, core.now()
    state.put(repos.below(repo, "pulls/comments"), tostring(comment.id), comment)
    emit.json(pulls.show_comment(request, repo, comment))
end)

handlers.delete_comment = core.handler(function(request)
    core.me(request)
    local repo, comment = find_comment(request)
    state.delete(repos.below(repo, "pulls/comments"), tostring(comment.id))
    core.no_content()
end)

return handlers

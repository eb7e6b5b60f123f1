-- Pull requests as GitHub shows them; what they share with issues stands there.

local core = wt.import("core")
local people = wt.import("people")
local repos = wt.import("repos")
local issues = wt.import("issues")
local git = wt.import("git")
local merging = wt.import("merging")

local pulls = {}

function pulls.find(repo, number)
    local issue = state.get(repos.below(repo, "issues"), tostring(number))
    if not issue or not issue.pull then
        core.not_found()
    end
    return issue
end

-- The repository that the changes come from; nil where it is gone.
function pulls.head_repo(repo, issue)
    if not issue.pull.head_repo then
        return repo
    end
    local found = state.get("/repositories", tostring(issue.pull.head_repo))
    return found and state.get("/repos/" .. found.owner, found.name)
end

-- What the branches stand at: of an open pull request now, of one that is done when it was.
function pulls.ends(repo, issue)
    if issue.state == "open" then
        local from = pulls.head_repo(repo, issue)
        local head = from and git.ref(from, "heads/" .. issue.pull.head)
        local base = git.ref(repo, "heads/" .. issue.pull.base)
        return if base then base.sha else issue.pull.base_sha, if head then head.sha else issue.pull.head_sha
    end
    return issue.pull.base_sha, issue.pull.head_sha
end

-- Brings commits that another repository has into this one.
function pulls.fetch(from, repo, sha)
    if from.id == repo.id then
        return
    end
    local _, known = git.history(repo, sha)
    for _, commit in git.history(from, sha) do
        if not known[commit.sha] or not git.commit(repo, commit.sha) then
            state.put(repos.below(repo, "git/commits"), commit.sha, commit)
            local function copy(tree_sha)
                local tree = git.tree(from, tree_sha)
                state.put(repos.below(repo, "git/trees"), tree_sha, tree)
                for _, entry in tree.entries do
                    if entry.type == "tree" then
                        copy(entry.sha)
                    else
                        state.put(repos.below(repo, "git/blobs"), entry.sha, git.blob(from, entry.sha))
                    end
                end
            end
            copy(commit.tree)
        end
    end
end

-- The commits that a pull request brings, oldest first.
function pulls.commits(repo, base_sha, head_sha)
    local _, before = git.history(repo, base_sha)
    local found = {}
    for _, commit in git.history(repo, head_sha, before) do
        table.insert(found, 1, commit)
    end
    return found
end

function pulls.files(repo, base_sha, head_sha)
    local common, head = git.base(repo, base_sha, head_sha), git.commit(repo, head_sha)
    return git.differences(repo, common and common.tree, head and head.tree)
end

local function show_end(request, repo, owner_repo, branch, sha)
    return {
        label = owner_repo.owner .. ":" .. branch, ref = branch, sha = sha, user = people.simple(request, owner_repo.owner),
        repo = repos.show(request, owner_repo),
    }
end

-- A pull request; alone it says whether it can be merged and how large it is.
function pulls.show(request, repo, issue, alone)
    local api, html, pull = repos.api(request, repo), repos.html(request, repo), issue.pull
    local url, page = api .. "/pulls/" .. issue.number, html .. "/pull/" .. issue.number
    local base_sha, head_sha = pulls.ends(repo, issue)
    local from = pulls.head_repo(repo, issue) or repo
    local shown = issues.common(request, repo, issue)
    local comments = shown.comments
    shown.comments = nil
    shown.id, shown.node_id, shown.url, shown.html_url = pull.id, core.node("PullRequest", pull.id), url, page
    shown.diff_url, shown.patch_url, shown.issue_url = page .. ".diff", page .. ".patch", api .. "/issues/" .. issue.number
    shown.commits_url, shown.review_comments_url = url .. "/commits", url .. "/comments"
    shown.review_comment_url, shown.comments_url = api .. "/pulls/comments{/number}", api .. "/issues/" .. issue.number .. "/comments"
    shown.statuses_url = api .. "/statuses/" .. head_sha
    shown.draft, shown.merged_at, shown.merge_commit_sha = pull.draft, core.null(pull.merged_at), core.null(pull.merge_commit_sha)
    shown.auto_merge, shown.requested_teams = wt.null, wt.array({})
    shown.requested_reviewers = people.list(request, pull.requested_reviewers)
    shown.head, shown.base = show_end(request, repo, from, pull.head, head_sha), show_end(request, repo, repo, pull.base, base_sha)
    local function link(href) return { href = href } end
    shown._links = {
        self = link(url), html = link(page), issue = link(shown.issue_url), comments = link(shown.comments_url),
        review_comments = link(shown.review_comments_url), review_comment = link(shown.review_comment_url),
        commits = link(shown.commits_url), statuses = link(shown.statuses_url),
    }
    if not alone then
        return shown
    end
    local files = pulls.files(repo, base_sha, head_sha)
    local additions, deletions = 0, 0
    for _, file in files do
        additions += file.additions
        deletions += file.deletions
    end
    local open = issue.state == "open"
    local clean = open and merging.tree(repo, git.commit(repo, base_sha), git.commit(repo, head_sha)) ~= nil
    local _, review_comments = wt.select(repos.below(repo, "pulls/comments"), { where = { pull = issue.number }, limit = 0 })
    shown.comments, shown.review_comments, shown.maintainer_can_modify = comments, review_comments, pull.maintainer_can_modify or false
    shown.merged, shown.merged_by = pull.merged or false, people.simple(request, pull.merged_by)
    shown.mergeable = if open then clean else wt.null
    shown.rebaseable = shown.mergeable
    shown.mergeable_state = if not open then "unknown" elseif not clean then "dirty" elseif pull.draft then "draft" else "clean"
    shown.commits, shown.changed_files = #pulls.commits(repo, base_sha, head_sha), #files
    shown.additions, shown.deletions = additions, deletions
    return shown
end

function pulls.show_review(request, repo, review)
    local page = repos.html(request, repo) .. "/pull/" .. review.pull .. "#pullrequestreview-" .. review.id
    local pull = repos.api(request, repo) .. "/pulls/" .. review.pull
    return {
        id = review.id, node_id = core.node("PullRequestReview", review.id), user = people.simple(request, review.user), body = review.body or "",
        state = review.state, html_url = page, pull_request_url = pull, author_association = issues.association(repo, review.user),
        _links = { html = { href = page }, pull_request = { href = pull } }, submitted_at = review.submitted_at, commit_id = review.commit_id,
    }
end

function pulls.show_comment(request, repo, comment)
    local api = repos.api(request, repo)
    local url, pull = api .. "/pulls/comments/" .. comment.id, api .. "/pulls/" .. comment.pull
    local page = repos.html(request, repo) .. "/pull/" .. comment.pull .. "#discussion_r" .. comment.id
    return {
        id = comment.id, node_id = core.node("PullRequestReviewComment", comment.id), url = url, pull_request_review_id = core.null(comment.review),
        diff_hunk = comment.diff_hunk or "", path = comment.path, position = core.null(comment.position), original_position = core.null(comment.position),
        commit_id = comment.commit_id, original_commit_id = comment.commit_id, user = people.simple(request, comment.user), body = comment.body,
        created_at = comment.created_at, updated_at = comment.updated_at, html_url = page, pull_request_url = pull,
        author_association = issues.association(repo, comment.user), line = core.null(comment.line), original_line = core.null(comment.line),
        start_line = core.null(comment.start_line), original_start_line = core.null(comment.start_line), side = comment.side or "RIGHT",
        start_side = wt.null, subject_type = comment.subject_type or "line", in_reply_to_id = comment.in_reply_to,
        _links = { self = { href = url }, html = { href = page }, pull_request = { href = pull } },
        reactions = issues.show_reactions(repo, url, "comment " .. comment.id),
    }
end

return pulls

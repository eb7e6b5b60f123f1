local core = wt.import("core")
local repos = wt.import("repos")
local git = wt.import("git")
local tell = wt.import("tell")

local handlers = {}

-- Branches

local function show_branch(request, repo, ref, alone)
    local api = repos.api(request, repo)
    local name = string.sub(ref.name, 7)
    local guarded = state.get(repos.below(repo, "protection"), name) ~= nil
    local shown = {
        name = name, protected = guarded, commit = { sha = ref.sha, url = api .. "/commits/" .. ref.sha },
        protection = { enabled = guarded, required_status_checks = { enforcement_level = "off", contexts = wt.array({}), checks = wt.array({}) } },
        protection_url = api .. "/branches/" .. name .. "/protection",
    }
    if alone then
        shown.commit = git.show_commit(request, repo, git.commit(repo, ref.sha))
        shown._links = { self = api .. "/branches/" .. name, html = repos.html(request, repo) .. "/tree/" .. name }
    end
    return shown
end

local function refs_below(repo, prefix)
    local found = {}
    for _, ref in state.list(repos.below(repo, "git/refs")) do
        if string.sub(ref.name, 1, #prefix) == prefix then
            table.insert(found, ref)
        end
    end
    table.sort(found, function(a, b) return a.name < b.name end)
    return found
end

handlers.branches = core.handler(function(request)
    local repo = repos.of(request)
    core.slice(request, refs_below(repo, "heads/"), function(ref) return show_branch(request, repo, ref) end)
end)

handlers.branch = core.handler(function(request)
    local repo = repos.of(request)
    local ref = git.ref(repo, "heads/" .. request.params.branch)
    if not ref then
        core.fail(404, "Branch not found")
    end
    emit.json(show_branch(request, repo, ref, true))
end)

handlers.rename_branch = core.handler(function(request, given)
    local repo = repos.open(request)
    local ref = git.ref(repo, "heads/" .. request.params.branch)
    if not ref then
        core.not_found()
    end
    state.delete(repos.below(repo, "git/refs"), ref.name)
    ref = git.keep_ref(repo, "heads/" .. given.new_name, ref.sha)
    if repo.default_branch == request.params.branch then
        repo.default_branch = given.new_name
        repos.keep(repo)
    end
    emit.status(201)
    emit.json(show_branch(request, repo, ref, true))
end)

handlers.tags = core.handler(function(request)
    local repo = repos.of(request)
    local found = {}
    for _, ref in refs_below(repo, "tags/") do
        table.insert(found, 1, ref)
    end
    core.slice(request, found, function(ref)
        local name, api = string.sub(ref.name, 6), repos.api(request, repo)
        local sha = (git.resolve(repo, ref.name) or ref).sha
        return {
            name = name, commit = { sha = sha, url = api .. "/commits/" .. sha }, node_id = core.node("Ref", ref.name),
            zipball_url = api .. "/zipball/refs/tags/" .. name, tarball_url = api .. "/tarball/refs/tags/" .. name,
        }
    end)
end)

-- Refs

handlers.ref = core.handler(function(request)
    local repo = repos.of(request)
    local ref = git.ref(repo, request.params.ref)
    if not ref then
        core.not_found()
    end
    emit.json(git.show_ref(request, repo, ref))
end)

handlers.matching_refs = core.handler(function(request)
    local repo = repos.of(request)
    core.slice(request, refs_below(repo, request.params.ref or ""), function(ref) return git.show_ref(request, repo, ref) end)
end)

local function check_sha(repo, sha)
    if type(sha) ~= "string" or #sha ~= 40 then
        core.fail(422, "The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
    end
    if git.commit(repo, sha) then
        return "commit"
    elseif state.get(repos.below(repo, "git/tags"), sha) then
        return "tag"
    end
    core.fail(422, "Object does not exist")
end

handlers.create_ref = core.handler(function(request, given)
    local repo, me = repos.open(request)
    local name = string.match(given.ref or "", "^refs/([^/]+/.+)$")
    if not name then
        core.fail(422, "Reference name must start with 'refs/'.")
    end
    local kind = check_sha(repo, given.sha)
    if git.ref(repo, name) then
        core.fail(422, "Reference already exists")
    end
    local ref = git.keep_ref(repo, name, given.sha, kind)
    repos.touch(repo, true)
    local short = string.match(name, "^[^/]+/(.+)$")
    tell(request, repo, me, "create", {
        ref = short, ref_type = if string.sub(name, 1, 5) == "tags/" then "tag" else "branch", master_branch = repo.default_branch,
        description = repo.description, pusher_type = "user",
    })
    git.tell_push(request, repo, me, name, nil, given.sha)
    emit.status(201)
    emit.header("location", repos.api(request, repo) .. "/git/refs/" .. name)
    emit.json(git.show_ref(request, repo, ref))
end)

handlers.update_ref = core.handler(function(request, given)
    local repo, me = repos.open(request)
    local ref = git.ref(repo, request.params.ref)
    if not ref then
        core.fail(422, "Reference does not exist")
    end
    local kind = check_sha(repo, given.sha)
    local _, seen = git.history(repo, given.sha)
    if not given.force and not seen[ref.sha] then
        core.fail(422, "Update is not a fast forward")
    end
    local before = ref.sha
    ref = git.keep_ref(repo, ref.name, given.sha, kind)
    repos.touch(repo, true)
    git.tell_push(request, repo, me, ref.name, before, given.sha)
    emit.json(git.show_ref(request, repo, ref))
end)

handlers.delete_ref = core.handler(function(request)
    local repo, me = repos.open(request)
    local ref = git.ref(repo, request.params.ref)
    if not ref then
        core.fail(422, "Reference does not exist")
    end
    if ref.name == "heads/" .. repo.default_branch then
        core.fail(422, "Cannot delete the default branch")
    end
    state.delete(repos.below(repo, "git/refs"), ref.name)
    local short = string.match(ref.name, "^[^/]+/(.+)$")
    tell(request, repo, me, "delete", { ref = short, ref_type = if string.sub(ref.name, 1, 5) == "tags/" then "tag" else "branch", pusher_type = "user" })
    git.tell_push(request, repo, me, ref.name, ref.sha, nil)
    core.no_content()
end)

-- Objects

handlers.create_blob = core.handler(function(request, given)
    local repo = repos.open(request)
    local encoded = if given.encoding == "base64" then (string.gsub(given.content or "", "%s", "")) else wt.crypto.base64_encode(given.content or "")
    local sha = git.keep_blob(repo, encoded)
    emit.status(201)
    emit.json({ sha = sha, url = repos.api(request, repo) .. "/git/blobs/" .. sha })
end)

-- Base64 in lines of sixty letters, as GitHub sends it.
local function in_lines(encoded)
    return (string.gsub(encoded, string.rep(".", 60), "%0\n")) .. (if #encoded % 60 == 0 then "" else "\n")
end

handlers.blob = core.handler(function(request)
    local repo = repos.of(request)
    local blob = git.blob(repo, request.params.file_sha)
    if not blob then
        core.not_found()
    end
    emit.json({
        sha = blob.sha, node_id = core.node("Blob", blob.sha), size = blob.size, url = repos.api(request, repo) .. "/git/blobs/" .. blob.sha,
        content = in_lines(blob.content), encoding = "base64",
    })
end)

local function show_tree(request, repo, sha, entries)
    local api = repos.api(request, repo)
    return {
        sha = sha, url = api .. "/git/trees/" .. sha, truncated = false,
        tree = core.list(entries, function(entry)
            return {
                path = entry.path, mode = entry.mode, type = entry.type, sha = entry.sha, size = entry.size,
                url = api .. "/git/" .. (if entry.type == "tree" then "trees/" else "blobs/") .. entry.sha,
            }
        end),
    }
end

handlers.tree = core.handler(function(request)
    local repo, sha = repos.of(request), request.params.tree_sha
    local commit = git.resolve(repo, sha)
    local tree = git.tree(repo, if commit then commit.tree else sha)
    if not tree then
        core.not_found()
    end
    local entries = tree.entries
    if request.query.recursive then
        entries = {}
        for path, entry in git.flat(repo, tree.sha, true) do
            entry.path = path
            table.insert(entries, entry)
        end
        table.sort(entries, function(a, b) return a.path < b.path end)
    end
    emit.json(show_tree(request, repo, tree.sha, entries))
end)

handlers.create_tree = core.handler(function(request, given)
    local repo = repos.open(request)
    local files = {}
    if core.value(given.base_tree) then
        local commit = git.resolve(repo, given.base_tree)
        files = git.flat(repo, if commit then commit.tree else given.base_tree)
    end
    for _, entry in given.tree or {} do
        if entry.sha == wt.null then
            files[entry.path] = nil
        elseif entry.type == "tree" then
            for path, file in git.flat(repo, entry.sha) do
                files[entry.path .. "/" .. path] = file
            end
        else
            local sha, size = entry.sha, nil
            if entry.content then
                sha, size = git.keep_blob(repo, wt.crypto.base64_encode(entry.content))
            else
                local blob = git.blob(repo, sha)
                if not blob then
                    core.fail(422, "tree.sha " .. tostring(sha) .. " is not a valid blob")
                end
                size = blob.size
            end
            files[entry.path] = { mode = entry.mode or "100644", type = "blob", sha = sha, size = size }
        end
    end
    local sha = git.keep_flat(repo, files)
    emit.status(201)
    emit.json(show_tree(request, repo, sha, git.tree(repo, sha).entries))
end)

handlers.create_commit = core.handler(function(request, given)
    local repo, me = repos.open(request)
    if not given.message then
        core.invalid("Commit", "message", "missing_field")
    end
    if not git.tree(repo, given.tree or "") then
        core.fail(422, "Tree SHA does not exist")
    end
    for _, parent in given.parents or {} do
        if not git.commit(repo, parent) then
            core.fail(422, "Parent SHA does not exist or is not a commit object")
        end
    end
    local author = git.person(me, core.value(given.author))
    local commit = git.keep_commit(repo, {
        tree = given.tree, parents = given.parents or {}, message = given.message, author = author,
        committer = if core.value(given.committer) then git.person(me, given.committer) else author,
    })
    emit.status(201)
    emit.json(git.show_plain(request, repo, commit))
end)

handlers.plain_commit = core.handler(function(request)
    local repo = repos.of(request)
    local commit = git.commit(repo, request.params.commit_sha)
    if not commit then
        core.not_found()
    end
    emit.json(git.show_plain(request, repo, commit))
end)

local function show_tag(request, repo, tag)
    local shown = core.copy(tag)
    shown.url = repos.api(request, repo) .. "/git/tags/" .. tag.sha
    shown.node_id = core.node("Tag", tag.sha)
    shown.object = { sha = tag.object.sha, type = tag.object.type, url = repos.api(request, repo) .. "/git/commits/" .. tag.object.sha }
    shown.verification = { verified = false, reason = "unsigned", signature = wt.null, payload = wt.null, verified_at = wt.null }
    return shown
end

handlers.create_tag = core.handler(function(request, given)
    local repo, me = repos.open(request)
    local tagger = git.person(me, core.value(given.tagger))
    tagger.login = nil
    local text = "object " .. tostring(given.object) .. "\ntype " .. (given.type or "commit") .. "\ntag " .. tostring(given.tag) .. "\ntagger "
        .. tagger.name .. " <" .. tagger.email .. "> " .. string.format("%d", wt.time.parse(tagger.date) or 0) .. " +0000\n\n" .. (given.message or "")
    local sha = git.hash("tag", text)
    local tag = { sha = sha, tag = given.tag, message = given.message, tagger = tagger, object = { sha = given.object, type = given.type or "commit" } }
    state.put(repos.below(repo, "git/tags"), sha, tag)
    emit.status(201)
    emit.json(show_tag(request, repo, tag))
end)

handlers.tag = core.handler(function(request)
    local repo = repos.of(request)
    local tag = state.get(repos.below(repo, "git/tags"), request.params.tag_sha)
    if not tag then
        core.not_found()
    end
    emit.json(show_tag(request, repo, tag))
end)

-- Commits

handlers.commits = core.handler(function(request)
    local repo, query = repos.of(request), request.query
    local head = git.resolve(repo, query.sha)
    if not head then
        if query.sha then
            core.not_found()
        end
        core.fail(409, "Git Repository is empty.")
    end
    local found = {}
    for _, commit in git.history(repo, head.sha) do
        local wanted = true
        if query.author and core.key(query.author) ~= core.key(commit.author.login or "") and query.author ~= commit.author.email then
            wanted = false
        end
        if (query.since and commit.committer.date < query.since) or (query["until"] and commit.committer.date > query["until"]) then
            wanted = false
        end
        if wanted and query.path and query.path ~= "" then
            local parent = commit.parents[1] and git.commit(repo, commit.parents[1])
            local now, was = git.at(repo, commit.tree, query.path), parent and git.at(repo, parent.tree, query.path)
            wanted = (now and now.sha) ~= (was and was.sha)
        end
        if wanted then
            table.insert(found, commit)
        end
    end
    core.slice(request, found, function(commit) return git.show_commit(request, repo, commit) end)
end)

handlers.commit = core.handler(function(request)
    local repo = repos.of(request)
    local commit = git.resolve(repo, request.params.ref)
    if not commit then
        core.fail(422, "No commit found for SHA: " .. request.params.ref)
    end
    emit.json(git.show_commit(request, repo, commit, true))
end)

handlers.compare = core.handler(function(request)
    local repo = repos.of(request)
    local base_name, head_name = request.params.base, request.params.head
    if request.params.basehead then
        base_name, head_name = string.match(request.params.basehead, "^(.-)%.%.%.?(.+)$")
    end
    local one, other = git.resolve(repo, base_name), git.resolve(repo, head_name)
    local common = one and other and git.base(repo, one.sha, other.sha)
    if not common then
        core.not_found()
    end
    local _, before = git.history(repo, one.sha)
    local _, after = git.history(repo, other.sha)
    local ahead, behind = git.history(repo, other.sha, before), git.history(repo, one.sha, after)
    local commits = wt.array({})
    for _, commit in ahead do
        table.insert(commits, 1, git.show_commit(request, repo, commit))
    end
    local html = repos.html(request, repo) .. "/compare/" .. base_name .. "..." .. head_name
    emit.json({
        url = repos.api(request, repo) .. "/compare/" .. base_name .. "..." .. head_name, html_url = html, permalink_url = html,
        diff_url = html .. ".diff", patch_url = html .. ".patch", base_commit = git.show_commit(request, repo, one),
        merge_base_commit = git.show_commit(request, repo, common), ahead_by = #ahead, behind_by = #behind, total_commits = #ahead,
        status = if #ahead == 0 and #behind == 0 then "identical" elseif #behind == 0 then "ahead" elseif #ahead == 0 then "behind" else "diverged",
        commits = commits, files = git.show_files(request, repo, other.sha, git.differences(repo, common.tree, other.tree)),
    })
end)

handlers.merge = core.handler(function(request, given)
    local repo, me = repos.open(request)
    local merging = wt.import("merging")
    local base, head = git.ref(repo, "heads/" .. (given.base or "")), git.resolve(repo, given.head)
    if not base then
        core.fail(404, "Base does not exist")
    elseif not head then
        core.fail(404, "Head does not exist")
    end
    local _, seen = git.history(repo, base.sha)
    if seen[head.sha] then
        return core.no_content()
    end
    local tree = merging.tree(repo, git.commit(repo, base.sha), head)
    if not tree then
        core.fail(409, "Merge conflict")
    end
    local person = git.person(me)
    local message = given.commit_message or ("Merge " .. given.head .. " into " .. given.base)
    local commit = git.keep_commit(repo, { tree = tree, parents = { base.sha, head.sha }, message = message, author = person, committer = person })
    git.push(request, repo, me, given.base, commit)
    emit.status(201)
    emit.json(git.show_commit(request, repo, commit))
end)

-- Statuses

local function show_status(request, repo, status)
    local shown = core.copy(status)
    shown.url, shown.node_id = repos.api(request, repo) .. "/statuses/" .. status.sha, core.node("StatusContext", status.id)
    shown.creator = wt.import("people").simple(request, status.creator)
    shown.avatar_url, shown.sha = core.site(request) .. "/avatars/" .. status.id, nil
    shown.target_url, shown.description = core.null(shown.target_url), core.null(shown.description)
    return shown
end

handlers.create_status = core.handler(function(request, given)
    local repo, me = repos.open(request)
    if not git.commit(repo, request.params.sha) then
        core.fail(422, "No commit found for SHA: " .. request.params.sha)
    end
    if not core.index({ "error", "failure", "pending", "success" }, given.state) then
        core.invalid("Status", "state", "invalid")
    end
    local now = core.now()
    local status = {
        id = core.id(), sha = request.params.sha, state = given.state, context = given.context or "default", target_url = given.target_url,
        description = given.description, creator = me.login, created_at = now, updated_at = now,
    }
    state.put(repos.below(repo, "statuses"), tostring(status.id), status)
    tell(request, repo, me, "status", { sha = status.sha, state = status.state, context = status.context, id = status.id, description = core.null(status.description), target_url = core.null(status.target_url), created_at = now, updated_at = now, name = repo.owner .. "/" .. repo.name })
    emit.status(201)
    emit.json(show_status(request, repo, status))
end)

local function statuses(repo, name)
    local commit = git.resolve(repo, name)
    if not commit then
        core.fail(422, "No commit found for SHA: " .. name)
    end
    local found = wt.select(repos.below(repo, "statuses"), { where = { sha = commit.sha }, reverse = true })
    return found, commit
end

handlers.statuses = core.handler(function(request)
    local repo = repos.of(request)
    core.slice(request, statuses(repo, request.params.ref), function(status) return show_status(request, repo, status) end)
end)

handlers.combined_status = core.handler(function(request)
    local repo = repos.of(request)
    local all, commit = statuses(repo, request.params.ref)
    local newest, seen, whole = wt.array({}), {}, if #all == 0 then "pending" else "success"
    for _, status in all do
        if not seen[status.context] then
            seen[status.context] = true
            table.insert(newest, show_status(request, repo, status))
            if status.state == "failure" or status.state == "error" then
                whole = "failure"
            elseif status.state == "pending" and whole == "success" then
                whole = "pending"
            end
        end
    end
    local api = repos.api(request, repo) .. "/commits/" .. commit.sha
    emit.json({
        state = whole, statuses = newest, sha = commit.sha, total_count = #newest, repository = repos.show(request, repo), commit_url = api,
        url = api .. "/status",
    })
end)

return handlers

local core = wt.import("core")
local repos = wt.import("repos")
local git = wt.import("git")

local handlers = {}

local function in_lines(encoded)
    return (string.gsub(encoded, string.rep(".", 60), "%0\n")) .. (if #encoded % 60 == 0 then "" else "\n")
end

local function show(request, repo, path, entry, ref, alone)
    local kind = if entry.type == "tree" then "dir" else "file"
    local escaped = string.gsub(path, "[^/]+", function(part) return (string.gsub(wt.url.encode(part), "%+", "%%20")) end)
    local api = repos.api(request, repo)
    local url = api .. "/contents/" .. escaped .. "?ref=" .. wt.url.encode(ref)
    local git_url = api .. "/git/" .. (if kind == "dir" then "trees/" else "blobs/") .. entry.sha
    local html = repos.html(request, repo) .. (if kind == "dir" then "/tree/" else "/blob/") .. ref .. "/" .. escaped
    local shown = {
        name = string.match(path, "[^/]+$"), path = path, sha = entry.sha, size = entry.size or 0, url = url, html_url = html, git_url = git_url,
        type = kind, _links = { self = url, git = git_url, html = html },
        download_url = if kind == "dir" then wt.null else repos.html(request, repo) .. "/raw/" .. ref .. "/" .. escaped,
    }
    if alone and kind == "file" then
        shown.content, shown.encoding = in_lines(git.blob(repo, entry.sha).content), "base64"
    end
    return shown
end

local function answer(request, repo, path, ref, commit, entry)
    if string.find(request.headers.accept or "", "raw", 1, true) and entry.type ~= "tree" then
        emit.header("content-type", "application/vnd.github.raw; charset=utf-8")
        emit.body(wt.crypto.base64_decode(git.blob(repo, entry.sha).content))
    elseif entry.type == "tree" then
        local prefix = if path == "" then "" else path .. "/"
        emit.json(core.list(git.tree(repo, entry.sha).entries, function(one)
            return show(request, repo, prefix .. one.path, one, ref)
        end))
    else
        emit.json(show(request, repo, path, entry, ref, true))
    end
end

handlers.get = core.handler(function(request)
    local repo = repos.of(request)
    local path = string.gsub(string.gsub(request.params.path or "", "^/+", ""), "/+$", "")
    local ref = request.query.ref or repo.default_branch
    local commit = git.resolve(repo, ref)
    if not commit then
        if request.query.ref then
            core.fail(404, "No commit found for the ref " .. ref)
        end
        core.fail(404, "This repository is empty.")
    end
    local entry = git.at(repo, commit.tree, path)
    if not entry then
        core.not_found()
    end
    answer(request, repo, path, ref, commit, entry)
end)

handlers.readme = core.handler(function(request)
    local repo = repos.of(request)
    local ref, within = request.query.ref or repo.default_branch, request.params.dir or ""
    local commit = git.resolve(repo, ref)
    local folder = commit and git.at(repo, commit.tree, within)
    for _, entry in folder and folder.type == "tree" and git.tree(repo, folder.sha).entries or {} do
        if string.match(string.lower(entry.path), "^readme") and entry.type == "blob" then
            return answer(request, repo, (if within == "" then "" else within .. "/") .. entry.path, ref, commit, entry)
        end
    end
    core.not_found()
end)

-- The file's branch, its commit, and what is there now.
local function place(repo, given, path)
    local branch = given.branch or repo.default_branch
    local ref = git.ref(repo, "heads/" .. branch)
    if not ref and (given.branch and given.branch ~= repo.default_branch) then
        core.fail(404, "Branch " .. branch .. " not found")
    end
    local head = ref and git.commit(repo, ref.sha)
    local entry = head and git.at(repo, head.tree, path)
    return branch, head, entry
end

local function commit(request, repo, me, given, branch, head, files)
    local person = git.person(me, core.value(given.author) or core.value(given.committer))
    local made = git.keep_commit(repo, {
        tree = git.keep_flat(repo, files), parents = if head then { head.sha } else {}, message = given.message, author = person,
        committer = if core.value(given.committer) then git.person(me, given.committer) else person,
    })
    git.push(request, repo, me, branch, made)
    return made
end

handlers.put = core.handler(function(request, given)
    local repo, me = repos.open(request)
    local path = request.params.path
    if type(given.message) ~= "string" or type(given.content) ~= "string" then
        core.fail(422, 'Invalid request.\n\n"' .. (if type(given.message) ~= "string" then "message" else "content") .. "\" wasn't supplied.")
    end
    local encoded = string.gsub(given.content, "%s", "")
    if not pcall(wt.crypto.base64_decode, encoded) then
        core.fail(422, "content is not valid Base64")
    end
    local branch, head, entry = place(repo, given, path)
    local sha = core.value(given.sha)
    if entry and entry.type == "tree" then
        core.fail(422, "path is a directory")
    elseif entry and not sha then
        core.fail(422, "Invalid request.\n\n\"sha\" wasn't supplied.")
    elseif sha and sha ~= (entry and entry.sha) then
        core.fail(409, path .. " does not match " .. sha)
    end
    local files = if head then git.flat(repo, head.tree) else {}
    local blob, size = git.keep_blob(repo, encoded)
    local new = { mode = "100644", type = "blob", sha = blob, size = size }
    files[path] = new
    local made = commit(request, repo, me, given, branch, head, files)
    emit.status(if entry then 200 else 201)
    emit.json({ content = show(request, repo, path, new, branch), commit = git.show_plain(request, repo, made) })
end)

handlers.delete = core.handler(function(request, given)
    local repo, me = repos.open(request)
    -- Some clients send these in the query.
    for _, name in { "sha", "message", "branch" } do
        given[name] = core.value(given[name]) or request.query[name]
    end
    local path = request.params.path
    local branch, head, entry = place(repo, given, path)
    if not entry then
        core.not_found()
    elseif not given.sha then
        core.fail(422, "Invalid request.\n\n\"sha\" wasn't supplied.")
    elseif given.sha ~= entry.sha then
        core.fail(409, path .. " does not match " .. given.sha)
    end
    local files = git.flat(repo, head.tree)
    files[path] = nil
    local made = commit(request, repo, me, given, branch, head, files)
    emit.json({ content = wt.null, commit = git.show_plain(request, repo, made) })
end)

return handlers

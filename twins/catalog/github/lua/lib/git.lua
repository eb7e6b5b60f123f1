-- Git's objects: blobs, trees and commits under the hashes Git gives them, and refs.

local core = wt.import("core")
local people = wt.import("people")
local repos = wt.import("repos")

local git = {}

local function bytes(hex)
    return (string.gsub(hex, "%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

-- The hash of an object: of its kind, its length and its bytes.
function git.hash(kind, content)
    return wt.crypto.sha1(kind .. " " .. #content .. "\0" .. content)
end

-- Blobs and trees

-- Keeps a file's bytes, given in base64.
function git.keep_blob(repo, encoded)
    local content = wt.crypto.base64_decode(encoded)
    local sha = git.hash("blob", content)
    state.put(repos.below(repo, "git/blobs"), sha, { sha = sha, size = #content, content = encoded })
    return sha, #content
end

function git.blob(repo, sha)
    return state.get(repos.below(repo, "git/blobs"), sha)
end

-- Git orders a folder as if its name ended in a slash.
local function place(entry)
    return if entry.type == "tree" then entry.path .. "/" else entry.path
end

-- Keeps one folder's entries, `{path, mode, type, sha, size}`.
function git.keep_tree(repo, entries)
    table.sort(entries, function(a, b) return place(a) < place(b) end)
    local parts = {}
    for _, entry in entries do
        table.insert(parts, (string.gsub(entry.mode, "^0", "")) .. " " .. entry.path .. "\0" .. bytes(entry.sha))
    end
    local sha = git.hash("tree", table.concat(parts))
    state.put(repos.below(repo, "git/trees"), sha, { sha = sha, entries = wt.array(entries) })
    return sha
end

function git.tree(repo, sha)
    return state.get(repos.below(repo, "git/trees"), sha)
end

-- Every file of a tree by its whole path; folders too where they are asked for.
function git.flat(repo, sha, with_folders, within, found)
    found, within = found or {}, within or ""
    local tree = sha and git.tree(repo, sha)
    for _, entry in tree and tree.entries or {} do
        local path = within .. entry.path
        if entry.type == "tree" then
            if with_folders then
                found[path] = entry
            end
            git.flat(repo, entry.sha, with_folders, path .. "/", found)
        else
            found[path] = entry
        end
    end
    return found
end

-- Keeps all folders of files by their whole paths; the root's hash.
function git.keep_flat(repo, files)
    local root = { files = {}, folders = {} }
    for path, entry in files do
        local folder, left = root, path
        while true do
            local first, rest = string.match(left, "^([^/]+)/(.+)$")
            if not first then
                break
            end
            folder.folders[first] = folder.folders[first] or { files = {}, folders = {} }
            folder, left = folder.folders[first], rest
        end
        folder.files[left] = entry
    end
    local function keep(folder)
        local entries = {}
        for name, entry in folder.files do
            table.insert(entries, { path = name, mode = entry.mode, type = entry.type, sha = entry.sha, size = entry.size })
        end
        for name, inner in folder.folders do
            table.insert(entries, { path = name, mode = "040000", type = "tree", sha = keep(inner) })
        end
        return git.keep_tree(repo, entries)
    end
    return keep(root)
end

-- The entry at a path: a file, or a folder; the root is one without a path.
function git.at(repo, tree_sha, path)
    local entry = { type = "tree", sha = tree_sha, path = "" }
    for part in string.gmatch(path, "[^/]+") do
        local tree = entry.type == "tree" and git.tree(repo, entry.sha)
        entry = nil
        for _, one in tree and tree.entries or {} do
            if one.path == part then
                entry = one
            end
        end
        if not entry then
            return nil
        end
    end
    return entry
end

-- Commits

local function signed(person)
    local seconds = wt.time.parse(person.date) or 0
    return person.name .. " <" .. person.email .. "> " .. string.format("%d", seconds) .. " +0000"
end

-- Who wrote it, where the request does not say.
function git.person(user, given)
    given = given or {}
    return {
        name = given.name or core.value(user.name) or user.login, email = given.email or user.id .. "+" .. user.login .. "@users.noreply.github.com",
        date = given.date or core.now(), login = user.login,
    }
end

-- Keeps a commit: `tree`, `parents`, `message`, `author`, `committer`.
function git.keep_commit(repo, commit)
    local lines = { "tree " .. commit.tree }
    for _, parent in commit.parents do
        table.insert(lines, "parent " .. parent)
    end
    table.insert(lines, "author " .. signed(commit.author))
    table.insert(lines, "committer " .. signed(commit.committer))
    commit.sha = git.hash("commit", table.concat(lines, "\n") .. "\n\n" .. commit.message)
    commit.parents = wt.array(commit.parents)
    state.put(repos.below(repo, "git/commits"), commit.sha, commit)
    return commit
end

function git.commit(repo, sha)
    return state.get(repos.below(repo, "git/commits"), sha)
end

-- Refs

function git.ref(repo, name)
    return state.get(repos.below(repo, "git/refs"), name)
end

function git.keep_ref(repo, name, sha, kind)
    local ref = { name = name, sha = sha, type = kind or "commit" }
    state.put(repos.below(repo, "git/refs"), name, ref)
    return ref
end

-- The commit that a branch, a tag, a ref or a hash stands for; nil where nothing does.
function git.resolve(repo, name)
    name = (string.gsub(name or repo.default_branch, "^refs/", ""))
    local ref = git.ref(repo, "heads/" .. name) or git.ref(repo, "tags/" .. name) or git.ref(repo, name)
    if ref then
        local tag = ref.type == "tag" and state.get(repos.below(repo, "git/tags"), ref.sha)
        return git.commit(repo, if tag then tag.object.sha else ref.sha)
    end
    if string.match(name, "^%x+$") and #name == 40 then
        return git.commit(repo, name)
    end
    if string.match(name, "^%x+$") and #name >= 7 then
        for _, commit in state.list(repos.below(repo, "git/commits")) do
            if string.sub(commit.sha, 1, #name) == name then
                return commit
            end
        end
    end
    return nil
end

-- A commit and all before it, newest first; `stop` holds hashes that end the walk.
function git.history(repo, sha, stop)
    local found, seen, waiting = {}, {}, { sha }
    while #waiting > 0 do
        local next_ = table.remove(waiting, 1)
        if next_ and not seen[next_] and not (stop and stop[next_]) then
            seen[next_] = true
            local commit = git.commit(repo, next_)
            if commit then
                table.insert(found, commit)
                for _, parent in commit.parents do
                    table.insert(waiting, parent)
                end
            end
        end
    end
    return found, seen
end

-- The newest commit that two have in common.
function git.base(repo, one, other)
    local _, seen = git.history(repo, one)
    for _, commit in git.history(repo, other) do
        if seen[commit.sha] then
            return commit
        end
    end
    return nil
end

-- Differences

local function lines_of(repo, entry)
    local blob = entry and git.blob(repo, entry.sha)
    local text = blob and wt.crypto.base64_decode(blob.content) or ""
    local lines = string.split(text, "\n")
    if lines[#lines] == "" then
        table.remove(lines)
    end
    return lines
end

-- What lies between the lines at the beginning and at the end that are the same, as one piece.
local function patch(before, after)
    local same = 0
    while same < #before and same < #after and before[same + 1] == after[same + 1] do
        same += 1
    end
    local tail = 0
    while tail < #before - same and tail < #after - same and before[#before - tail] == after[#after - tail] do
        tail += 1
    end
    local gone, come = #before - same - tail, #after - same - tail
    local first, last = math.max(same - 3, 0), math.min(tail, 3)
    local text = {}
    local function head(lines, changed)
        local count = changed + (same - first) + last
        return (if count == 0 then 0 else first + 1) .. (if count == 1 then "" else "," .. count)
    end
    table.insert(text, "@@ -" .. head(before, gone) .. " +" .. head(after, come) .. " @@")
    for index = first + 1, same do table.insert(text, " " .. before[index]) end
    for index = same + 1, same + gone do table.insert(text, "-" .. before[index]) end
    for index = same + 1, same + come do table.insert(text, "+" .. after[index]) end
    for index = #after - tail + 1, #after - tail + last do table.insert(text, " " .. after[index]) end
    return come, gone, table.concat(text, "\n")
end

-- The files that two trees differ in, by path.
function git.differences(repo, before_tree, after_tree)
    local before, after, paths, files = git.flat(repo, before_tree), git.flat(repo, after_tree), {}, {}
    for path, entry in after do
        if not before[path] or before[path].sha ~= entry.sha then
            table.insert(paths, path)
        end
    end
    for path in before do
        if not after[path] then
            table.insert(paths, path)
        end
    end
    table.sort(paths)
    for _, path in paths do
        local additions, deletions, text = patch(lines_of(repo, before[path]), lines_of(repo, after[path]))
        table.insert(files, {
            filename = path, sha = (after[path] or before[path]).sha, additions = additions, deletions = deletions,
            changes = additions + deletions, patch = text,
            status = if not before[path] then "added" elseif not after[path] then "removed" else "modified",
        })
    end
    return files
end

function git.show_files(request, repo, sha, files)
    return core.list(files, function(file)
        local shown = core.copy(file)
        local path = string.gsub(file.filename, "[^/]+", wt.url.encode)
        shown.blob_url = repos.html(request, repo) .. "/blob/" .. sha .. "/" .. path
        shown.raw_url = repos.html(request, repo) .. "/raw/" .. sha .. "/" .. path
        shown.contents_url = repos.api(request, repo) .. "/contents/" .. path .. "?ref=" .. sha
        return shown
    end)
end

-- As GitHub shows them

local UNSIGNED = { verified = false, reason = "unsigned", signature = wt.null, payload = wt.null, verified_at = wt.null }

local function plain(person)
    return { name = person.name, email = person.email, date = person.date }
end

function git.show_parents(request, repo, commit)
    return core.list(commit.parents, function(sha)
        return { sha = sha, url = repos.api(request, repo) .. "/commits/" .. sha, html_url = repos.html(request, repo) .. "/commit/" .. sha }
    end)
end

-- A commit as Git has it.
function git.show_plain(request, repo, commit)
    local api = repos.api(request, repo)
    return {
        sha = commit.sha, node_id = core.node("Commit", commit.sha), url = api .. "/git/commits/" .. commit.sha,
        html_url = repos.html(request, repo) .. "/commit/" .. commit.sha, author = plain(commit.author), committer = plain(commit.committer),
        tree = { sha = commit.tree, url = api .. "/git/trees/" .. commit.tree }, message = commit.message,
        parents = git.show_parents(request, repo, commit), verification = UNSIGNED,
    }
end

-- A commit as GitHub has it.
function git.show_commit(request, repo, commit, with_files)
    local api = repos.api(request, repo)
    local shown = {
        sha = commit.sha, node_id = core.node("Commit", commit.sha), url = api .. "/commits/" .. commit.sha,
        html_url = repos.html(request, repo) .. "/commit/" .. commit.sha, comments_url = api .. "/commits/" .. commit.sha .. "/comments",
        commit = {
            url = api .. "/git/commits/" .. commit.sha, author = plain(commit.author), committer = plain(commit.committer),
            message = commit.message, comment_count = 0, verification = UNSIGNED,
            tree = { sha = commit.tree, url = api .. "/git/trees/" .. commit.tree },
        },
        author = people.simple(request, commit.author.login), committer = people.simple(request, commit.committer.login),
        parents = git.show_parents(request, repo, commit),
    }
    if with_files then
        local parent = commit.parents[1] and git.commit(repo, commit.parents[1])
        local files = git.differences(repo, parent and parent.tree, commit.tree)
        local additions, deletions = 0, 0
        for _, file in files do
            additions += file.additions
            deletions += file.deletions
        end
        shown.stats = { additions = additions, deletions = deletions, total = additions + deletions }
        shown.files = git.show_files(request, repo, commit.sha, files)
    end
    return shown
end

function git.show_ref(request, repo, ref)
    local api = repos.api(request, repo)
    local kind = if ref.type == "tag" then "tags" else "commits"
    return {
        ref = "refs/" .. ref.name, node_id = core.node("Ref", ref.name), url = api .. "/git/refs/" .. ref.name,
        object = { sha = ref.sha, type = ref.type, url = api .. "/git/" .. kind .. "/" .. ref.sha },
    }
end

-- Tells that a branch or tag has moved.
function git.tell_push(request, repo, me, name, before, after)
    local zero, tell = string.rep("0", 40), wt.import("tell")
    local stop = {}
    if before then
        local _, seen = git.history(repo, before)
        stop = seen
    end
    local commits = wt.array({})
    local function show(commit)
        return {
            id = commit.sha, tree_id = commit.tree, distinct = true, message = commit.message, timestamp = commit.committer.date,
            url = repos.html(request, repo) .. "/commit/" .. commit.sha, added = wt.array({}), removed = wt.array({}), modified = wt.array({}),
            author = { name = commit.author.name, email = commit.author.email, username = commit.author.login },
            committer = { name = commit.committer.name, email = commit.committer.email, username = commit.committer.login },
        }
    end
    for _, commit in if after then git.history(repo, after, stop) else {} do
        table.insert(commits, 1, show(commit))
    end
    local head = after and git.commit(repo, after)
    tell(request, repo, me, "push", {
        ref = "refs/" .. name, before = before or zero, after = after or zero, created = before == nil, deleted = after == nil, forced = false,
        base_ref = wt.null, compare = repos.html(request, repo) .. "/compare/" .. (before or zero) .. "..." .. (after or zero),
        commits = commits, head_commit = if head then show(head) else wt.null, pusher = { name = me.login, email = me.login .. "@users.noreply.github.com" },
    })
end

-- Puts a commit on a branch, which it may begin.
function git.push(request, repo, me, branch, commit)
    local name = "heads/" .. branch
    local before = git.ref(repo, name)
    git.keep_ref(repo, name, commit.sha)
    repos.touch(repo, true)
    git.tell_push(request, repo, me, name, before and before.sha, commit.sha)
end

return git

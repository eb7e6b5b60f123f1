local core = wt.import("core")
local people = wt.import("people")

local handlers = {}

local TYPES = { py = "Python", js = "JavaScript", md = "Markdown", txt = "Text", rs = "Rust", json = "JSON", lua = "Lua" }

local function show(request, gist)
    local api, html = core.api(request) .. "/gists/" .. gist.id, core.site(request) .. "/gist/" .. gist.id
    local files = {}
    for name, content in gist.files do
        local language = TYPES[string.match(name, "%.(%w+)$") or ""]
        files[name] = {
            filename = name, type = if language == "Python" then "application/x-python" else "text/plain", language = language or "Text",
            raw_url = html .. "/raw/" .. wt.url.encode(name), size = #content, truncated = false, content = content, encoding = "utf-8",
        }
    end
    local _, comments = wt.select("/gists/" .. gist.id .. "/comments", { limit = 0 })
    local owner = people.simple(request, gist.owner)
    return {
        url = api, forks_url = api .. "/forks", commits_url = api .. "/commits", id = gist.id, node_id = core.node("Gist", gist.id),
        git_pull_url = html .. ".git", git_push_url = html .. ".git", html_url = html, files = files, public = gist.public,
        created_at = gist.created_at, updated_at = gist.updated_at, description = core.null(gist.description), comments = comments,
        comments_enabled = true, user = wt.null, comments_url = api .. "/comments", owner = owner, truncated = false, forks = wt.array({}),
        history = wt.array({ { user = owner, version = gist.version, committed_at = gist.updated_at, change_status = { total = 0, additions = 0, deletions = 0 }, url = api .. "/" .. gist.version } }),
    }
end

local function find(request)
    local gist = state.get("/gists", request.params.gist_id)
    if not gist then
        core.not_found()
    end
    return gist
end

local function own(request)
    local me, gist = core.me(request), find(request)
    if core.key(gist.owner) ~= core.key(me.login) then
        core.not_found()
    end
    return gist
end

local function keep(gist)
    gist.updated_at = core.now()
    gist.version = wt.crypto.sha1(gist.id .. wt.json.encode(gist.files))
    state.put("/gists", gist.id, gist)
end

handlers.create = core.handler(function(request, given)
    local me, files = core.me(request), {}
    for name, file in given.files or {} do
        if type(file) == "table" and file.content and file.content ~= "" then
            files[name] = file.content
        end
    end
    if not next(files) then
        core.invalid("Gist", "files", "missing_field")
    end
    local id = string.sub(wt.crypto.sha1("gist " .. core.id()), 1, 32)
    local gist = { id = id, owner = me.login, public = given.public == true or given.public == "true", description = core.null(given.description), files = files, created_at = core.now() }
    keep(gist)
    emit.status(201)
    emit.header("location", core.api(request) .. "/gists/" .. gist.id)
    emit.json(show(request, gist))
end)

handlers.get = core.handler(function(request)
    emit.json(show(request, find(request)))
end)

handlers.edit = core.handler(function(request, given)
    local gist = own(request)
    if given.description ~= nil then gist.description = given.description end
    for name, file in given.files or {} do
        local content = gist.files[name]
        gist.files[name] = nil
        if file ~= wt.null and (core.value(file.content) or content) then
            gist.files[core.value(file.filename) or name] = core.value(file.content) or content
        end
    end
    keep(gist)
    emit.json(show(request, gist))
end)

handlers.delete = core.handler(function(request)
    state.delete("/gists", own(request).id)
    core.no_content()
end)

local function list(request, where)
    core.page(request, "/gists", { where = where, reverse = true }, function(gist) return show(request, gist) end)
end

handlers.mine = core.handler(function(request)
    local me = core.me_if_any(request)
    list(request, if me then { owner = me.login } else { public = true })
end)

handlers.public = core.handler(function(request)
    list(request, { public = true })
end)

handlers.of_user = core.handler(function(request)
    list(request, { owner = request.params.username, public = true })
end)

local function star(request)
    return "/gists/stars/" .. core.me(request).id, find(request).id
end

handlers.star = core.handler(function(request)
    local kind, id = star(request)
    state.put(kind, id, { id = id })
    core.no_content()
end)

handlers.unstar = core.handler(function(request)
    state.delete(star(request))
    core.no_content()
end)

handlers.is_starred = core.handler(function(request)
    if not state.get(star(request)) then
        core.not_found()
    end
    core.no_content()
end)

local function show_comment(request, gist, comment)
    return {
        id = comment.id, node_id = core.node("GistComment", comment.id), url = core.api(request) .. "/gists/" .. gist.id .. "/comments/" .. comment.id,
        body = comment.body, user = people.simple(request, comment.user), created_at = comment.created_at, updated_at = comment.updated_at,
        author_association = if comment.user == gist.owner then "OWNER" else "NONE",
    }
end

handlers.create_comment = core.handler(function(request, given)
    local me, gist = core.me(request), find(request)
    local now = core.now()
    local comment = { id = core.id(), body = given.body, user = me.login, created_at = now, updated_at = now }
    state.put("/gists/" .. gist.id .. "/comments", tostring(comment.id), comment)
    emit.status(201)
    emit.json(show_comment(request, gist, comment))
end)

handlers.comments = core.handler(function(request)
    local gist = find(request)
    core.page(request, "/gists/" .. gist.id .. "/comments", {}, function(comment) return show_comment(request, gist, comment) end)
end)

return handlers

local core = wt.import("core")
local people = wt.import("people")
local repos = wt.import("repos")
local git = wt.import("git")
local tell = wt.import("tell")

local handlers = {}

local function show_asset(request, repo, asset)
    return {
        url = repos.api(request, repo) .. "/releases/assets/" .. asset.id, id = asset.id, node_id = core.node("ReleaseAsset", asset.id), name = asset.name,
        label = core.null(asset.label), uploader = people.simple(request, asset.uploader), content_type = asset.content_type, state = "uploaded",
        size = asset.size, digest = "sha256:" .. asset.sha256, download_count = 0, created_at = asset.created_at, updated_at = asset.updated_at,
        browser_download_url = repos.html(request, repo) .. "/releases/download/" .. asset.tag .. "/" .. asset.name,
    }
end

local function show(request, repo, release)
    local api, html = repos.api(request, repo), repos.html(request, repo)
    local url = api .. "/releases/" .. release.id
    local assets = wt.select(repos.below(repo, "releases/assets"), { where = { release = release.id } })
    return {
        url = url, html_url = html .. "/releases/tag/" .. release.tag_name, assets_url = url .. "/assets",
        upload_url = core.api(request) .. "/uploads/repos/" .. repo.owner .. "/" .. repo.name .. "/releases/" .. release.id .. "/assets{?name,label}",
        tarball_url = api .. "/tarball/" .. release.tag_name, zipball_url = api .. "/zipball/" .. release.tag_name, id = release.id,
        node_id = core.node("Release", release.id), tag_name = release.tag_name, target_commitish = release.target_commitish,
        name = core.null(release.name), body = core.null(release.body), draft = release.draft, prerelease = release.prerelease, immutable = false,
        created_at = release.created_at, updated_at = release.updated_at, published_at = core.null(release.published_at),
        author = people.simple(request, release.author), assets = core.list(assets, function(asset) return show_asset(request, repo, asset) end),
    }
end

local function keep(repo, release)
    state.put(repos.below(repo, "releases"), tostring(release.id), release)
end

local function find(request)
    local repo = repos.of(request)
    local release = state.get(repos.below(repo, "releases"), request.params.release_id)
    if not release then
        core.not_found()
    end
    return repo, release
end

-- A published release gives its tag a place, where it has none.
local function publish(request, repo, me, release)
    if release.draft or release.published_at and release.published_at ~= wt.null then
        return
    end
    release.published_at = core.now()
    local name = "tags/" .. release.tag_name
    local head = git.resolve(repo, release.target_commitish)
    if not git.ref(repo, name) and head then
        git.keep_ref(repo, name, head.sha)
    end
    keep(repo, release)
    for _, action in { "published", "created", "released" } do
        tell(request, repo, me, "release." .. action, { release = show(request, repo, release) })
    end
end

handlers.create = core.handler(function(request, given)
    local repo, me = repos.open(request)
    if type(given.tag_name) ~= "string" or given.tag_name == "" then
        core.invalid("Release", "tag_name", "missing_field")
    end
    if wt.select(repos.below(repo, "releases"), { where = { tag_name = given.tag_name, draft = false } })[1] then
        core.invalid("Release", "tag_name", "already_exists")
    end
    local target = given.target_commitish or repo.default_branch
    if not given.draft and not git.ref(repo, "tags/" .. given.tag_name) and not git.resolve(repo, target) then
        core.fail(422, "Repository is empty.")
    end
    local now = core.now()
    local release = {
        id = core.id(), tag_name = given.tag_name, target_commitish = target, name = given.name, body = given.body, draft = given.draft == true,
        prerelease = given.prerelease == true, created_at = now, updated_at = now, author = me.login, published_at = wt.null,
    }
    if given.generate_release_notes then
        release.body = "**Full Changelog**: " .. repos.html(request, repo) .. "/commits/" .. given.tag_name
        release.name = release.name or given.tag_name
    end
    keep(repo, release)
    publish(request, repo, me, release)
    emit.status(201)
    emit.header("location", repos.api(request, repo) .. "/releases/" .. release.id)
    emit.json(show(request, repo, release))
end)

-- Drafts are seen by those only who may write.
local function seen(request, repo)
    local me = core.me_if_any(request)
    return if me and repos.may(repo, me, "write") then {} else { draft = false }
end

handlers.list = core.handler(function(request)
    local repo = repos.of(request)
    core.page(request, repos.below(repo, "releases"), { where = seen(request, repo), reverse = true }, function(release) return show(request, repo, release) end)
end)

handlers.get = core.handler(function(request)
    local repo, release = find(request)
    emit.json(show(request, repo, release))
end)

handlers.latest = core.handler(function(request)
    local repo = repos.of(request)
    local release = wt.select(repos.below(repo, "releases"), { where = { draft = false, prerelease = false }, reverse = true, limit = 1 })[1]
    if not release then
        core.not_found()
    end
    emit.json(show(request, repo, release))
end)

handlers.by_tag = core.handler(function(request)
    local repo = repos.of(request)
    local release = wt.select(repos.below(repo, "releases"), { where = { draft = false, tag_name = request.params.tag }, limit = 1 })[1]
    if not release then
        core.not_found()
    end
    emit.json(show(request, repo, release))
end)

handlers.edit = core.handler(function(request, given)
    local repo, me = repos.open(request)
    local _, release = find(request)
    core.take(release, given, { "tag_name", "target_commitish", "name", "body", "draft", "prerelease" })
    release.updated_at = core.now()
    keep(repo, release)
    if release.published_at and release.published_at ~= wt.null then
        tell(request, repo, me, "release.edited", { release = show(request, repo, release), changes = {} })
    end
    publish(request, repo, me, release)
    emit.json(show(request, repo, release))
end)

handlers.delete = core.handler(function(request)
    local repo, me = repos.open(request)
    local _, release = find(request)
    tell(request, repo, me, "release.deleted", { release = show(request, repo, release) })
    state.delete(repos.below(repo, "releases"), tostring(release.id))
    core.no_content()
end)

-- Files of a release

handlers.upload = core.handler(function(request)
    local repo, me = repos.open(request)
    local _, release = find(request)
    local name = request.query.name
    if not name then
        core.invalid("ReleaseAsset", "name", "missing_field")
    end
    local content = request.body or ""
    if wt.select(repos.below(repo, "releases/assets"), { where = { release = release.id, name = name } })[1] then
        core.invalid("ReleaseAsset", "name", "already_exists")
    end
    local now = core.now()
    local asset = {
        id = core.id(), release = release.id, tag = release.tag_name, name = name, label = request.query.label, size = #content,
        content_type = request.headers["content-type"] or "application/octet-stream", uploader = me.login, created_at = now, updated_at = now,
        sha256 = wt.crypto.sha256(content), content = wt.crypto.base64_encode(content),
    }
    state.put(repos.below(repo, "releases/assets"), tostring(asset.id), asset)
    emit.status(201)
    emit.json(show_asset(request, repo, asset))
end)

handlers.assets = core.handler(function(request)
    local repo, release = find(request)
    core.page(request, repos.below(repo, "releases/assets"), { where = { release = release.id } }, function(asset) return show_asset(request, repo, asset) end)
end)

local function find_asset(request)
    local repo = repos.of(request)
    local asset = state.get(repos.below(repo, "releases/assets"), request.params.asset_id)
    if not asset then
        core.not_found()
    end
    return repo, asset
end

handlers.asset = core.handler(function(request)
    local repo, asset = find_asset(request)
    if string.find(request.headers.accept or "", "octet-stream", 1, true) then
        emit.header("content-type", asset.content_type)
        return emit.body(wt.crypto.base64_decode(asset.content))
    end
    emit.json(show_asset(request, repo, asset))
end)

handlers.edit_asset = core.handler(function(request, given)
    repos.open(request)
    local repo, asset = find_asset(request)
    core.take(asset, given, { "name", "label" })
    asset.updated_at = core.now()
    state.put(repos.below(repo, "releases/assets"), tostring(asset.id), asset)
    emit.json(show_asset(request, repo, asset))
end)

handlers.delete_asset = core.handler(function(request)
    repos.open(request)
    local repo, asset = find_asset(request)
    state.delete(repos.below(repo, "releases/assets"), tostring(asset.id))
    core.no_content()
end)

return handlers

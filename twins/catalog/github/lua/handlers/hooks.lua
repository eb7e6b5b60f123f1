local core = wt.import("core")
local people = wt.import("people")
local repos = wt.import("repos")

local handlers = {}

-- Where hooks are kept, and where they are shown: those of a repository or of an organisation.
local function place(request, change)
    if request.params.org then
        core.me(request)
        local org = people.find_organisation(request.params.org)
        return { kind = "/orgs/" .. org.login .. "/hooks", url = core.api(request) .. "/orgs/" .. org.login, type = "Organization", org = org }
    end
    local repo = repos.open(request, "admin")
    return { kind = repos.below(repo, "hooks"), url = repos.api(request, repo), type = "Repository", repo = repo }
end

local function show(home, hook)
    local url, config = home.url .. "/hooks/" .. hook.id, core.copy(hook.config)
    if config.secret then
        config.secret = "********"
    end
    local deliveries = wt.deliveries(hook.id)
    local last = deliveries[1]
    local code = last and last.status_code
    return {
        type = home.type, id = hook.id, name = "web", active = hook.active, events = core.list(hook.events), config = config, url = url,
        ping_url = url .. "/pings", test_url = if home.repo then url .. "/test" else nil, deliveries_url = url .. "/deliveries",
        created_at = hook.created_at, updated_at = hook.updated_at,
        last_response = { code = core.null(code), status = if not last then "unused" elseif code and code < 300 then "active" else "error", message = core.null(last and last.error) },
    }
end

local function find(request, home)
    local hook = state.get(home.kind, request.params.hook_id)
    if not hook then
        core.not_found()
    end
    return hook
end

local function ping(request, home, hook)
    local payload = { zen = "Keep it logically awesome.", hook_id = hook.id, hook = show(home, hook), sender = people.simple(request, core.me(request).login) }
    if home.repo then
        payload.repository = repos.in_event(request, home.repo)
    end
    local params = if home.repo then { owner = home.repo.owner, repo = home.repo.name } else { org = home.org.login }
    wt.tell("ping", payload, { params = params, endpoint = hook.id, object = "hook " .. hook.id })
end

-- What `config` says, written as GitHub keeps it.
local function take_config(hook, given)
    local config = hook.config or {}
    core.take(config, given, { "url", "content_type", "secret", "insecure_ssl" })
    if config.secret == wt.null or config.secret == "" then
        config.secret = nil
    end
    config.content_type, config.insecure_ssl = config.content_type or "form", tostring(config.insecure_ssl or "0")
    if type(config.url) ~= "string" or not string.match(config.url, "^https?://") then
        core.fail(422, "Validation Failed", { { resource = "Hook", code = "custom", message = "url is missing a scheme" } })
    end
    hook.config = config
end

local function keep(home, hook)
    hook.updated_at = core.now()
    hook.told = core.copy(hook.events)
    if not core.index(hook.told, "*") then
        table.insert(hook.told, "ping")
    end
    state.put(home.kind, tostring(hook.id), hook)
end

handlers.create = core.handler(function(request, given)
    local home = place(request)
    if type(given.config) ~= "table" then
        core.fail(422, "Validation Failed", { { resource = "Hook", field = "config", code = "missing_field" } })
    end
    local hook = { id = core.id(), active = given.active ~= false, events = wt.array(given.events or { "push" }), created_at = core.now() }
    take_config(hook, given.config)
    for _, other in state.list(home.kind) do
        if other.config.url == hook.config.url then
            core.fail(422, "Validation Failed", { { resource = "Hook", code = "custom", message = "Hook already exists on this repository" } })
        end
    end
    keep(home, hook)
    if hook.active then
        ping(request, home, hook)
    end
    emit.status(201)
    emit.header("location", home.url .. "/hooks/" .. hook.id)
    emit.json(show(home, hook))
end)

handlers.list = core.handler(function(request)
    local home = place(request)
    core.page(request, home.kind, {}, function(hook) return show(home, hook) end)
end)

handlers.get = core.handler(function(request)
    local home = place(request)
    emit.json(show(home, find(request, home)))
end)

handlers.edit = core.handler(function(request, given)
    local home = place(request)
    local hook = find(request, home)
    if type(given.config) == "table" then
        hook.config = { secret = hook.config.secret }
        take_config(hook, given.config)
    end
    if given.active ~= nil then hook.active = given.active end
    if given.events ~= nil then hook.events = wt.array(given.events) end
    for _, name in given.add_events or {} do
        if not core.index(hook.events, name) then table.insert(hook.events, name) end
    end
    for _, name in given.remove_events or {} do
        local index = core.index(hook.events, name)
        if index then table.remove(hook.events, index) end
    end
    keep(home, hook)
    emit.json(show(home, hook))
end)

handlers.delete = core.handler(function(request)
    local home = place(request)
    find(request, home)
    state.delete(home.kind, request.params.hook_id)
    core.no_content()
end)

handlers.config = core.handler(function(request)
    local home = place(request)
    emit.json(show(home, find(request, home)).config)
end)

handlers.edit_config = core.handler(function(request, given)
    local home = place(request)
    local hook = find(request, home)
    take_config(hook, given)
    keep(home, hook)
    emit.json(show(home, hook).config)
end)

handlers.ping = core.handler(function(request)
    local home = place(request)
    ping(request, home, find(request, home))
    core.no_content()
end)

-- Tells the newest push once more, to hooks that want pushes.
handlers.test = core.handler(function(request)
    local home = place(request)
    local hook, git = find(request, home), wt.import("git")
    local head = git.resolve(home.repo)
    if head and (core.index(hook.events, "push") or core.index(hook.events, "*")) then
        git.tell_push(request, home.repo, core.me(request), "heads/" .. home.repo.default_branch, head.parents[1], head.sha)
    end
    core.no_content()
end)

-- Deliveries

local function show_delivery(request, home, hook, delivery, alone)
    local body = wt.json.decode(delivery.body)
    local code = delivery.status_code
    local seen, redelivery = {}, false
    local shown = {
        id = delivery.id, guid = delivery.delivery_id, delivered_at = delivery.timestamp or delivery.created, redelivery = delivery.redelivery or false,
        duration = (delivery.attempts[1] and delivery.attempts[1].duration_ms or 0) / 1000, event = string.match(delivery.event, "^[^.]+"),
        status = if delivery.state == "pending" or delivery.state == "sending" then "pending" elseif not code then "failed to connect to host" elseif code < 300 then "OK" else "Invalid HTTP Response: " .. code,
        status_code = code or 0, action = core.null(body.action), installation_id = wt.null, throttled_at = wt.null,
        repository_id = core.null(body.repository and body.repository.id),
    }
    if alone then
        shown.url = delivery.url
        shown.request = { headers = delivery.headers, payload = wt.json.decode(delivery.body, wt.null) }
        shown.response = { headers = {}, payload = "" }
    end
    return shown
end

-- The deliveries of a hook, newest first, with those marked that were sent before.
local function deliveries(hook)
    local all, seen = wt.deliveries(hook.id), {}
    for index = #all, 1, -1 do
        all[index].redelivery = seen[all[index].delivery_id] or false
        seen[all[index].delivery_id] = true
    end
    return all
end

local function find_delivery(request, hook)
    for _, delivery in deliveries(hook) do
        if tostring(delivery.id) == request.params.delivery_id then
            return delivery
        end
    end
    core.not_found()
end

handlers.deliveries = core.handler(function(request)
    local home = place(request)
    local hook = find(request, home)
    core.slice(request, deliveries(hook), function(delivery) return show_delivery(request, home, hook, delivery) end)
end)

handlers.delivery = core.handler(function(request)
    local home = place(request)
    local hook = find(request, home)
    emit.json(show_delivery(request, home, hook, find_delivery(request, hook), true))
end)

handlers.redeliver = core.handler(function(request)
    local home = place(request)
    local delivery = find_delivery(request, find(request, home))
    wt.redeliver(delivery.id)
    emit.status(202)
    emit.json({})
end)

return handlers

local core = wt.import("core")
local persons = wt.import("persons")
local evaluate = wt.import("evaluate")

local flags = {}

-- Kinds of groups by their number.
local function kinds()
    local named = {}
    for index, kind in state.list("/group_types") do
        named[tostring(index - 1)] = kind.name
    end
    return named
end

local function keep(flag)
    flag.version = (flag.version or 0) + 1
    flag.updated_at = core.now()
    for _, condition in (flag.filters or {}).groups or {} do
        condition.properties = core.list(condition.properties)
    end
    state.put("/flags", tostring(flag.id), flag)
    return flag
end

local function make(given)
    if type(given.key) ~= "string" or given.key == "" then
        core.fail(400, "validation_error", "required", "This field is required.", "key")
    elseif #state.query("/flags", "key", given.key) > 0 then
        core.fail(400, "validation_error", "unique", "There is already a feature flag with this key.", "key")
    end
    local filters = given.filters
    if not filters then
        local condition = { properties = wt.array({}), rollout_percentage = given.rollout_percentage or 100 }
        filters = { groups = wt.array({ condition }) }
    end
    return keep({ id = state.counter("flags"), key = given.key, name = given.name or "", active = given.active ~= false, deleted = false, filters = filters, created_at = core.now(), ensure_experience_continuity = false })
end

local function show(flag)
    return {
        id = flag.id, team_id = 1, key = flag.key, name = flag.name, active = flag.active, deleted = false, filters = flag.filters or {}, version = flag.version,
        created_at = flag.created_at, updated_at = flag.updated_at, ensure_experience_continuity = false, rollout_percentage = wt.null, tags = wt.array({}),
    }
end

-- Every flag for somebody: what came of it, by key.
local function evaluated(given)
    local somebody = tostring(given.distinct_id or given["$distinct_id"] or "")
    if somebody == "" then
        core.fail(400, "validation_error", "missing_distinct_id", "Distinct ID is required")
    end
    local properties, groups, of_groups = { distinct_id = somebody }, given.groups or {}, {}
    local person = persons.find(somebody)
    for name, value in person and person.properties or {} do properties[name] = value end
    for name, value in given.person_properties or {} do properties[name] = value end
    for kind, key in groups do
        local group, own = state.get("/groups/" .. kind, tostring(key)), {}
        for name, value in group and group.properties or {} do own[name] = value end
        for name, value in (given.group_properties or {})[kind] or {} do own[name] = value end
        of_groups[kind] = own
    end
    local wanted, found, named = given.flag_keys_to_evaluate, {}, kinds()
    for _, flag in state.list("/flags") do
        if not wanted or #wanted == 0 or table.find(wanted, flag.key) then
            local on, variant, code, index = evaluate.flag(flag, somebody, properties, groups, of_groups, named)
            local payloads = flag.filters.payloads or {}
            found[flag.key] = { flag = flag, on = on, variant = variant, code = code, index = index, payload = if on then payloads[variant or "true"] else nil }
        end
    end
    return found
end

local WORDS = { condition_match = "Matched condition set ", out_of_rollout_bound = "Out of rollout bound", no_condition_match = "No matching condition set", no_group_type = "No matching group type" }

local function payload_text(payload)
    return if type(payload) == "string" then payload else wt.json.encode(payload)
end

flags.flags = core.handler(function(request, given)
    core.project(request, given)
    local version, answer = tonumber(request.query.v) or 1, { errorsWhileComputingFlags = false, requestId = core.uuid(), evaluatedAt = math.floor(clock.now() * 1000) }
    if version >= 2 then
        answer.flags = {}
        for key, one in evaluated(given) do
            answer.flags[key] = {
                key = key, enabled = one.on, variant = if one.variant then one.variant else wt.null,
                reason = { code = one.code, condition_index = if one.index then one.index else wt.null, description = WORDS[one.code] .. (if one.code == "condition_match" then one.index + 1 else "") },
                metadata = { id = one.flag.id, version = one.flag.version, description = one.flag.name, payload = if one.payload ~= nil then payload_text(one.payload) else wt.null },
            }
        end
        return answer
    end
    answer.featureFlags, answer.featureFlagPayloads = {}, {}
    for key, one in evaluated(given) do
        answer.featureFlags[key] = if one.on and one.variant then one.variant else one.on
        if one.payload ~= nil then answer.featureFlagPayloads[key] = payload_text(one.payload) end
    end
    return answer
end)

-- The call that flags had before: the newest form from version 4 on, a list of keys before version 2.
flags.decide = core.handler(function(request, given)
    core.project(request, given)
    local version = tonumber(request.query.v) or 1
    if version >= 4 then
        request = { query = { v = "2" } }
    end
    local answer = { config = { enable_collect_everything = true }, supportedCompression = wt.array({ "gzip", "gzip-js" }), errorsWhileComputingFlags = false, sessionRecording = false, isAuthenticated = false, toolbarParams = {} }
    local all = evaluated(given)
    if version >= 4 then
        answer.flags = {}
        for key, one in all do
            answer.flags[key] = {
                key = key, enabled = one.on, variant = if one.variant then one.variant else wt.null, reason = { code = one.code, condition_index = if one.index then one.index else wt.null, description = WORDS[one.code] },
                metadata = { id = one.flag.id, version = one.flag.version, description = one.flag.name, payload = if one.payload ~= nil then payload_text(one.payload) else wt.null },
            }
        end
    end
    if version == 1 then
        answer.featureFlags = wt.array({})
        for key, one in all do
            if one.on then table.insert(answer.featureFlags, key) end
        end
        return answer
    end
    answer.featureFlags, answer.featureFlagPayloads = {}, {}
    for key, one in all do
        answer.featureFlags[key] = if one.on and one.variant then one.variant else one.on
        if one.payload ~= nil then answer.featureFlagPayloads[key] = payload_text(one.payload) end
    end
    return answer
end)

-- What clients need to work flags out by themselves.
flags.definitions = core.handler(function(request)
    core.personal(request)
    return { flags = core.list(state.list("/flags"), show), group_type_mapping = kinds(), cohorts = {} }
end)

-- The project's own API

flags.list = core.handler(function(request)
    core.personal(request)
    return core.page(request, "/flags", { reverse = true }, show)
end)

flags.create = core.handler(function(request, given)
    core.personal(request)
    return show(make(given))
end, 201)

local function find(request)
    core.personal(request)
    local flag = state.get("/flags", request.params.flag_id) or state.query("/flags", "key", request.params.flag_id, 1)[1]
    if not flag then
        core.not_found()
    end
    return flag
end

flags.get = core.handler(function(request) return show(find(request)) end)

flags.update = core.handler(function(request, given)
    local flag = find(request)
    if given.deleted then
        state.delete("/flags", tostring(flag.id))
        return show(flag)
    end
    for _, name in { "key", "name", "active", "filters" } do
        if given[name] ~= nil then flag[name] = given[name] end
    end
    return show(keep(flag))
end)

flags.delete = core.handler(function(request)
    state.delete("/flags", tostring(find(request).id))
    emit.status(204)
    emit.body("")
end)

flags.remote_config = core.handler(function(request)
    local flag = find(request)
    local payload = (flag.filters.payloads or {})["true"]
    emit.json(if payload == nil then wt.null else payload_text(payload))
end)

-- What tests ask of the twin itself: the flags there are, and another one (or a changed one) without a key.
function flags.all()
    emit.json(core.list(state.list("/flags"), show))
end

flags.put = core.handler(function(_, given)
    local known = state.query("/flags", "key", given.key)[1]
    if known then
        for _, name in { "name", "active", "filters" } do
            if given[name] ~= nil then known[name] = given[name] end
        end
        return show(keep(known))
    end
    return show(make(given))
end)

return flags

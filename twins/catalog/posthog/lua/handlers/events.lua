local core = wt.import("core")
local persons = wt.import("persons")

local events = {}

-- Takes one event; nil where it is none.
local function take(event, key)
    if type(event) ~= "table" or type(event.event) ~= "string" or event.event == "" then
        core.fail(400, "validation_error", "invalid_payload", "Invalid payload: event name is missing")
    end
    local properties = event.properties or {}
    event.distinct_id = event.distinct_id or properties.distinct_id or properties["$distinct_id"]
    if event.distinct_id == nil or event.distinct_id == "" then
        core.fail(400, "validation_error", "missing_distinct_id", "Distinct ID is required")
    end
    event.distinct_id = tostring(event.distinct_id)
    local kept = {
        id = event.uuid or core.uuid(), event = event.event, distinct_id = event.distinct_id, properties = properties, timestamp = event.timestamp or core.now(),
        received_at = core.now(), ["$set"] = event["$set"], ["$set_once"] = event["$set_once"], api_key = key,
    }
    -- An event that comes twice is one.
    state.put("/events", kept.id, kept)
    persons.follow(kept)
    return kept
end

events.capture = core.handler(function(request, given)
    local key = core.project(request, given)
    if type(given.batch) == "table" then
        for _, event in given.batch do take(event, key) end
    elseif #given > 0 then
        for _, event in given do take(event, key) end
    else
        take(given, key)
    end
    return { status = "Ok" }
end)

events.batch = core.handler(function(request, given)
    local key = core.project(request, given)
    if type(given.batch) ~= "table" then
        core.fail(400, "validation_error", "invalid_payload", "Invalid payload: batch is missing")
    end
    for _, event in given.batch do take(event, key) end
    return { status = "Ok" }
end)

-- The newer way says of each event what became of it.
events.capture_v1 = core.handler(function(request, given)
    local key, results = core.project(request, given), {}
    for _, event in given.batch or given.events or {} do
        results[take(event, key).id] = { result = "ok" }
    end
    return { results = results }
end)

local function show(event)
    local person = persons.find(event.distinct_id)
    return {
        id = event.id, event = event.event, distinct_id = event.distinct_id, properties = event.properties or {}, timestamp = event.timestamp,
        person = if person then { is_identified = person.is_identified, distinct_ids = person.distinct_ids, properties = person.properties } else wt.null,
        elements = wt.array({}), elements_chain = "",
    }
end

events.list = core.handler(function(request)
    core.personal(request)
    local query = request.query
    return core.page(request, "/events", { where = { event = query.event, distinct_id = query.distinct_id }, reverse = true }, show)
end)

-- What tests ask of the twin itself: everything that was captured, oldest first.
function events.all()
    emit.json(core.list(state.list("/events"), function(event)
        return { uuid = event.id, event = event.event, distinct_id = event.distinct_id, properties = event.properties or {}, timestamp = event.timestamp, received_at = event.received_at }
    end))
end

-- Persons

events.persons = core.handler(function(request)
    core.personal(request)
    local wanted = request.query.distinct_id
    if wanted then
        local person = persons.find(wanted)
        return { count = if person then 1 else 0, next = wt.null, previous = wt.null, results = core.list(if person then { person } else {}, persons.show) }
    end
    return core.page(request, "/persons", { reverse = true }, persons.show)
end)

local function find(request)
    core.personal(request)
    local person = state.get("/persons", request.params.person_id)
    if not person then
        core.not_found()
    end
    return person
end

events.person = core.handler(function(request)
    return persons.show(find(request))
end)

events.remove_person = core.handler(function(request)
    local person = find(request)
    for _, id in person.distinct_ids do state.delete("/distinct_ids", id) end
    state.delete("/persons", person.id)
    emit.status(204)
    emit.body("")
end)

-- Projects

local function project()
    return { id = 1, uuid = "00000000-0000-4000-8000-000000000001", organization = "00000000-0000-4000-8000-000000000002", name = "Twin", api_token = "phc_twin", timezone = "UTC", completed_snippet_onboarding = true, ingested_event = state.count("/events") > 0, is_demo = false }
end

events.projects = core.handler(function(request)
    core.personal(request)
    return { count = 1, next = wt.null, previous = wt.null, results = wt.array({ project() }) }
end)

events.project = core.handler(function(request)
    core.personal(request)
    return project()
end)

events.me = core.handler(function(request)
    core.personal(request)
    return { uuid = "00000000-0000-4000-8000-000000000003", distinct_id = "me", first_name = "Twin", email = "me@example.com", team = project(), organization = { id = project().organization, name = "Twin" } }
end)

return events

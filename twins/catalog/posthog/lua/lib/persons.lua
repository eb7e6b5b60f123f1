-- Persons, as events tell of them.

local core = wt.import("core")

local persons = {}

function persons.find(distinct_id)
    local link = distinct_id and state.get("/distinct_ids", tostring(distinct_id))
    return link and state.get("/persons", link.person)
end

local function link(distinct_id, person)
    state.put("/distinct_ids", distinct_id, { person = person.id })
    person.distinct_ids = core.list(person.distinct_ids)
    if not table.find(person.distinct_ids, distinct_id) then
        table.insert(person.distinct_ids, distinct_id)
    end
    state.put("/persons", person.id, person)
end

function persons.make(distinct_id)
    local person = persons.find(distinct_id)
    if not person then
        person = { id = core.uuid(), properties = {}, created_at = core.now(), distinct_ids = wt.array({}), is_identified = false }
        link(distinct_id, person)
    end
    return person
end

-- Takes over what an event says of its person.
function persons.follow(event)
    local properties = event.properties or {}
    if properties["$process_person_profile"] == false then
        return
    end
    local person = persons.make(event.distinct_id)
    local set, once = event["$set"] or properties["$set"], event["$set_once"] or properties["$set_once"]
    for name, value in once or {} do
        if person.properties[name] == nil then person.properties[name] = value end
    end
    for name, value in set or {} do
        person.properties[name] = value
    end
    for _, name in properties["$unset"] or {} do
        person.properties[name] = wt.null
    end
    if event.event == "$identify" then
        person.is_identified = true
    end
    state.put("/persons", person.id, person)
    local other = if event.event == "$identify" then properties["$anon_distinct_id"] elseif event.event == "$create_alias" then properties.alias else nil
    if type(other) == "string" and other ~= event.distinct_id then
        local before = persons.find(other)
        if before and before.id ~= person.id then
            for name, value in before.properties do
                if person.properties[name] == nil then person.properties[name] = value end
            end
            for _, id in before.distinct_ids do link(id, person) end
            state.delete("/persons", before.id)
        end
        link(other, person)
    end
    if event.event == "$groupidentify" then
        local kind, key = tostring(properties["$group_type"]), tostring(properties["$group_key"])
        local group = state.get("/groups/" .. kind, key) or { key = key, properties = {} }
        for name, value in properties["$group_set"] or {} do group.properties[name] = value end
        state.put("/groups/" .. kind, key, group)
    end
end

function persons.show(person)
    local properties = person.properties or {}
    return {
        id = person.id, uuid = person.id, name = properties.email or person.distinct_ids[1], distinct_ids = core.list(person.distinct_ids), properties = properties,
        created_at = person.created_at, is_identified = person.is_identified,
    }
end

return persons

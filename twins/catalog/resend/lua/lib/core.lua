-- What every handler of this twin uses: errors as Resend words them, ids, times, pages.

local core = {}

-- Ends the handler with an error answer; what was written before stands.
function core.fail(status, name, message)
    error({ status = status, body = { statusCode = status, name = name, message = message } })
end

function core.invalid(message)
    core.fail(422, "validation_error", message)
end

function core.missing(field)
    core.fail(422, "missing_required_field", "Missing `" .. field .. "` field.")
end

function core.not_found(kind)
    core.fail(404, "not_found", kind .. " not found")
end

-- Runs a handler so that what it refuses becomes the answer, and what it gives back too.
function core.handler(handle, status)
    return function(request)
        local done, refused = pcall(function()
            local token = string.match(request.headers.authorization or "", "^%S+%s+(.+)$")
            if token and state.get("/revoked", wt.crypto.sha256(token)) then
                core.fail(403, "invalid_api_key", "API key is invalid")
            end
            local answer = handle(request, if type(request.data) == "table" then request.data else {})
            if status then emit.status(status) end
            emit.json(answer)
        end)
        if done then
            return
        end
        if type(refused) ~= "table" or not refused.body then
            error(refused, 0)
        end
        emit.status(refused.status)
        emit.json(refused.body)
    end
end

-- An id of Resend's form, the same in each run.
function core.uuid()
    local hex = wt.crypto.sha256("id " .. state.counter("ids"))
    return string.sub(hex, 1, 8) .. "-" .. string.sub(hex, 9, 12) .. "-4" .. string.sub(hex, 14, 16) .. "-a" .. string.sub(hex, 18, 20) .. "-" .. string.sub(hex, 21, 32)
end

function core.now()
    return math.floor(clock.now())
end

-- Times of the API have a space and microseconds, those of events are ISO 8601.
function core.written(at)
    return if at then wt.time.format(at, "%Y-%m-%d %H:%M:%S%.6f+00") else wt.null
end

function core.iso(at)
    return wt.time.iso(at, 3)
end

function core.null(value)
    return if value == nil or value == "" then wt.null else value
end

function core.list(items, show)
    local shown = wt.array({})
    for index, item in items or {} do
        shown[index] = if show then show(item) else item
    end
    return shown
end

-- A text or a list of texts, as a list.
function core.several(value)
    if value == nil or value == wt.null then
        return wt.array({})
    end
    return if type(value) == "table" then core.list(value) else wt.array({ value })
end

-- The page of a collection that `limit`, `after` and `before` ask for, newest first.
function core.page(request, kind, show, where)
    local query = request.query
    local limit = tonumber(query.limit) or 20
    if query.limit and (not tonumber(query.limit) or limit < 1 or limit > 100) then
        core.invalid("The `limit` parameter must be a number between 1 and 100")
    end
    local all = wt.select(kind, { where = where, reverse = true })
    local from, to = 1, #all
    for index, item in all do
        if item.id == query.after then from = index + 1 end
        if item.id == query.before then to = index - 1 end
    end
    if query.before then from = math.max(to - limit + 1, 1) end
    local data = wt.array({})
    for index = from, math.min(to, from + limit - 1) do
        table.insert(data, show(all[index]))
    end
    return { object = "list", data = data, has_more = if query.before then from > 1 else from + limit - 1 < to }
end

-- The address within `Name <address>`; nil where there is none.
function core.address(text)
    if type(text) ~= "string" then
        return nil
    end
    local inner = string.match(text, "^[^<>]*<%s*([^<>]+)%s*>%s*$") or text
    return string.match(inner, "^[^@%s<>]+@[^@%s<>]+%.[^@%s<>]+$")
end

-- A time to come: ISO 8601, or in words (`in 1 min`).
function core.time_to_come(text)
    local at = type(text) == "string" and wt.time.parse(text)
    if not at and type(text) == "string" then
        local count, unit = string.match(string.lower(text), "^in%s+(%w+)%s+(%a+)$")
        local number = if count == "a" or count == "an" or count == "one" then 1 else tonumber(count or "")
        local seconds = ({ s = 1, m = 60, h = 3600, d = 86400, w = 604800 })[string.sub(unit or "x", 1, 1)]
        at = number and seconds and core.now() + number * seconds
    end
    if not at then
        core.invalid("Invalid `scheduled_at` field. It must be a date in ISO 8601 format or natural language.")
    elseif at > core.now() + 30 * 86400 then
        core.invalid("The `scheduled_at` field must be within the next 30 days.")
    end
    return math.floor(at)
end

return core

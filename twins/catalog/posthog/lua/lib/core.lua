-- What every handler of this twin uses: errors as PostHog words them, who asks, times, pages.

local core = {}

-- Ends the handler with an error answer; what was written before stands.
function core.fail(status, kind, code, detail, attr)
    error({ status = status, body = { type = kind, code = code, detail = detail, attr = attr or wt.null } })
end

function core.not_found()
    core.fail(404, "invalid_request", "not_found", "Not found.")
end

-- Runs a handler so that what it refuses becomes the answer, and what it gives back too.
function core.handler(handle, status)
    return function(request)
        local done, refused = pcall(function()
            local answer = handle(request, if type(request.data) == "table" then request.data else {})
            if status then emit.status(status) end
            if answer then emit.json(answer) end
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

-- A project's key, in the body or the query: `phc_…`, or any other that is no personal one.
function core.project(request, given)
    local key = given.api_key or given.token or request.query.token or request.query.api_key or string.match(request.headers.authorization or "", "^Bearer%s+(.+)$")
    if type(key) ~= "string" or key == "" or string.sub(key, 1, 4) == "phx_" then
        core.fail(401, "authentication_error", "invalid_api_key", "Project API key invalid. You can find your project API key in PostHog project settings.")
    end
    return key
end

-- Asks for a personal key.
function core.personal(request)
    local key = string.match(request.headers.authorization or "", "^Bearer%s+(.+)$") or request.query.personal_api_key
    if not key then
        core.fail(401, "authentication_error", "not_authenticated", "Authentication credentials were not provided.")
    elseif string.sub(key, 1, 4) ~= "phx_" and string.sub(key, 1, 4) ~= "phs_" then
        core.fail(401, "authentication_error", "authentication_failed", "Personal API key found in request Authorization header is invalid.")
    end
end

function core.now()
    return wt.time.iso(math.floor(clock.now()), 3)
end

function core.uuid()
    local hex = wt.crypto.sha256("id " .. state.counter("ids"))
    return string.sub(hex, 1, 8) .. "-" .. string.sub(hex, 9, 12) .. "-7" .. string.sub(hex, 14, 16) .. "-a" .. string.sub(hex, 18, 20) .. "-" .. string.sub(hex, 21, 32)
end

function core.list(items, show)
    local shown = wt.array({})
    for index, item in items or {} do
        shown[index] = if show then show(item) else item
    end
    return shown
end

-- A page of a collection by `limit` and `offset`.
function core.page(request, kind, options, show)
    local limit = math.clamp(tonumber(request.query.limit) or 100, 1, 1000)
    local offset = math.max(tonumber(request.query.offset) or 0, 0)
    options.limit, options.offset = limit, offset
    local items, total = wt.select(kind, options)
    local function at(from)
        return "http://" .. (request.headers.host or "") .. request.path .. "?limit=" .. limit .. "&offset=" .. from
    end
    return {
        count = total, next = if offset + limit < total then at(offset + limit) else wt.null,
        previous = if offset > 0 then at(math.max(offset - limit, 0)) else wt.null, results = core.list(items, show),
    }
end

return core

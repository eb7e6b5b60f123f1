-- What every handler of this twin uses: who asks, errors with Twilio's numbers, sids, dates, pages.

local core = {}

-- Ends the handler with an error answer; what was written before stands.
function core.fail(status, code, message)
    error({ status = status, body = { code = code, message = message, more_info = "https://www.twilio.com/docs/errors/" .. code, status = status } })
end

function core.not_found(request)
    core.fail(404, 20404, "The requested resource " .. request.path .. " was not found")
end

-- The account of the request: its sid, and the token that signs what is sent for it.
local function account(request)
    local encoded = string.match(request.headers.authorization or "", "^[Bb]asic%s+(.+)$")
    local user, password = string.match(encoded and wt.crypto.base64_decode(encoded) or "", "^([^:]*):(.*)$")
    local own = request.params.AccountSid
    if user and string.sub(user, 1, 2) == "AC" then
        if own and own ~= user then
            core.fail(401, 20003, "Authenticate")
        end
        return { sid = user, token = password }
    end
    -- A key does not say whose it is.
    return { sid = own or "AC" .. string.sub(wt.crypto.sha256("account"), 1, 32) }
end

-- Runs a handler so that what it refuses becomes the answer.
function core.handler(handle)
    return function(request)
        local done, refused = pcall(function()
            handle(request, if type(request.data) == "table" then request.data else {}, account(request))
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

-- A sid of Twilio's form, the same in each run.
function core.sid(kind)
    return kind .. string.sub(wt.crypto.sha256(kind .. " " .. state.counter("sids")), 1, 32)
end

function core.now()
    return math.floor(clock.now())
end

-- The API of 2010 writes dates as mail does, the others as ISO 8601.
function core.mail_date(at)
    return if at then wt.time.rfc2822(at) else wt.null
end

function core.iso(at)
    return if at then wt.time.iso(at) else wt.null
end

function core.null(value)
    return if value == nil or value == "" then wt.null else value
end

function core.flag(value, otherwise)
    if value == nil then
        return otherwise
    end
    return value == true or value == "true" or value == "True"
end

function core.api(request)
    return "http://" .. (request.headers.host or "127.0.0.1")
end

function core.list(items, show)
    local shown = wt.array({})
    for index, item in items or {} do
        shown[index] = if show then show(item) else item
    end
    return shown
end

-- Phone numbers

-- A number in E.164, of whatever somebody typed; nil where it is none.
function core.number(text)
    local bare = string.gsub(tostring(text or ""), "[%s%-%(%)%.]", "")
    if string.match(bare, "^%+[1-9]%d%d%d%d%d%d+$") and #bare <= 16 then
        return bare
    elseif string.match(bare, "^[2-9]%d%d%d%d%d%d%d%d%d$") then
        return "+1" .. bare
    elseif string.match(bare, "^1[2-9]%d%d%d%d%d%d%d%d%d$") then
        return "+" .. bare
    end
    return nil
end

-- Pages

-- Which part is asked for: its size, and how many come before it.
local function paging(request)
    local size = math.clamp(tonumber(request.query.PageSize) or 50, 1, 1000)
    local page = math.max(tonumber(request.query.Page) or 0, 0)
    return size, page
end

local function address(request, page)
    local parts = {}
    for name, value in request.query do
        if name ~= "Page" and name ~= "PageToken" and name ~= "PageSize" then
            table.insert(parts, wt.url.encode(name) .. "=" .. wt.url.encode(value))
        end
    end
    local size = paging(request)
    table.sort(parts)
    table.insert(parts, 1, "PageSize=" .. size)
    table.insert(parts, 2, "Page=" .. page)
    if page > 0 then
        table.insert(parts, 3, "PageToken=PA" .. string.sub(wt.crypto.sha256(request.path .. page), 1, 32))
    end
    return request.path .. "?" .. table.concat(parts, "&")
end

local function part(request, kind, options)
    local size, page = paging(request)
    options.offset, options.limit = page * size, size
    local items, total = wt.select(kind, options)
    return items, total, size, page, (page + 1) * size < total
end

-- Answers with a page as the API of 2010 has it.
function core.page_2010(request, kind, options, name, show)
    local items, _, size, page, more = part(request, kind, options)
    emit.json({
        [name] = core.list(items, show), page = page, page_size = size, start = page * size, ["end"] = math.max(page * size + #items - 1, 0),
        uri = address(request, page), first_page_uri = address(request, 0), next_page_uri = if more then address(request, page + 1) else wt.null,
        previous_page_uri = if page > 0 then address(request, page - 1) else wt.null,
    })
end

-- Answers with a page as all others have it.
function core.page(request, kind, options, name, show)
    local items, _, size, page, more = part(request, kind, options)
    local api = core.api(request)
    emit.json({
        [name] = core.list(items, show),
        meta = {
            key = name, page = page, page_size = size, url = api .. address(request, page), first_page_url = api .. address(request, 0),
            next_page_url = if more then api .. address(request, page + 1) else wt.null,
            previous_page_url = if page > 0 then api .. address(request, page - 1) else wt.null,
        },
    })
end

-- The bounds that a query gives of a day: `DateSent`, `DateSent<`, `DateSent>`.
function core.days(request, name, field, options)
    options.min, options.max = options.min or {}, options.max or {}
    local function read(text)
        return text and wt.time.parse(text)
    end
    local on, before, after = read(request.query[name]), read(request.query[name .. "<"]), read(request.query[name .. ">"])
    if on then
        options.min[field], options.max[field] = on, on + 86399
    end
    if after then options.min[field] = after end
    if before then options.max[field] = if before % 86400 == 0 then before + 86399 else before end
    return options
end

function core.no_content()
    emit.status(204)
    emit.body("")
end

return core

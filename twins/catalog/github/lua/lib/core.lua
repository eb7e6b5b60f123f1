-- What every handler of this twin uses: who asks, errors as GitHub words them, ids, pages, addresses.

local core = {}

local DOCS = "https://docs.github.com/rest"

-- Errors

-- Ends the handler with an error answer; what was written before stands.
function core.fail(status, message, errors)
    error({ status = status, body = { message = message, errors = errors, documentation_url = DOCS, status = tostring(status) } })
end

function core.not_found()
    core.fail(404, "Not Found")
end

-- 422, with what is wrong with one field: `missing_field`, `already_exists`, `invalid`, or a text of its own.
function core.invalid(resource, field, code, message)
    core.fail(422, "Validation Failed", { { resource = resource, field = field, code = code, message = message } })
end

-- Runs a handler so that what it refuses becomes the answer.
function core.handler(handle)
    return function(request)
        local done, refused = pcall(handle, request, core.given(request))
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

-- The body, where null is `wt.null`: it means something where it is sent.
function core.given(request)
    if type(request.data) ~= "table" then
        return {}
    end
    local done, given = pcall(wt.json.decode, request.body or "", wt.null)
    return if done and type(given) == "table" then given else request.data
end

-- A value that may be null: nil then.
function core.value(value)
    return if value == wt.null then nil else value
end

-- What may be absent, as JSON has it.
function core.null(value)
    return if value == nil then wt.null else value
end

-- Who asks

local PREFIXES = { "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "eyJ" }

-- Whether a token is of a form that GitHub gives: with a prefix, or (of old) forty hexadecimal digits.
local function is_token(value)
    for _, prefix in PREFIXES do
        if string.sub(value, 1, #prefix) == prefix then
            return true
        end
    end
    return #value == 40 and string.match(value, "^%x+$") ~= nil
end

-- Tokens that end in a short word are that user's (`ghp_alice`), all others are the octocat's.
local function login_of(request)
    local header = request.headers.authorization
    if not header then
        return nil
    end
    local kind, value = string.match(header, "^(%S+)%s+(.+)$")
    if kind and string.lower(kind) == "basic" then
        local pair = wt.crypto.base64_decode(value)
        return string.match(pair, "^([^:]+)")
    end
    if not value or not is_token(value) then
        core.fail(401, "Bad credentials")
    end
    local suffix = string.match(value, "^gh[pousr]_([%w%-]+)$")
    return if suffix and #suffix <= 20 then suffix else "octocat"
end

function core.key(name)
    return string.lower(name)
end

local function make_user(login, kind)
    local user = {
        id = state.counter("users"), login = login, type = kind or "User", created_at = core.now(), updated_at = core.now(),
        name = if kind then wt.null else login, company = wt.null, blog = "", location = wt.null, email = wt.null, bio = wt.null,
        hireable = wt.null, twitter_username = wt.null,
    }
    state.put("/users", core.key(login), user)
    return user
end
core.make_user = make_user

-- Whether a name is one that an account may have: letters, digits and single hyphens within, 39 at most.
function core.is_login(name)
    return #name <= 39 and string.match(name, "^%w[%w%-]*$") ~= nil and not string.find(name, "%-%-") and string.sub(name, -1) ~= "-"
end

-- A user or organisation that is there; nil where it is not.
function core.user(login)
    return login and state.get("/users", core.key(login))
end

-- A user who is named by somebody else and so has to be there: people need no making.
function core.person(login)
    return core.user(login) or make_user(login)
end

-- The user of the request's token, made at the first request.
function core.me(request)
    local login = login_of(request)
    if not login then
        core.fail(401, "Requires authentication")
    end
    return core.person(login)
end

function core.me_if_any(request)
    local login = login_of(request)
    return login and core.person(login)
end

-- Times, ids, addresses

function core.now()
    return wt.time.iso(math.floor(clock.now()))
end

-- A number that no other object of any kind has.
function core.id()
    return 1000 + state.counter("ids")
end

-- The form of ids in GraphQL.
function core.node(kind, id)
    return wt.crypto.base64_encode(string.format("%03d:%s%s", #kind, kind, tostring(id)))
end

-- Where the API is, as the request had it; the site that people see lies beside it.
function core.api(request)
    return "http://" .. (request.headers.host or "127.0.0.1")
end

function core.site(request)
    return core.api(request) .. "/web"
end

-- Lists

-- A list that is one when it is empty, too.
function core.list(items, show)
    local shown = wt.array({})
    for index, item in items or {} do
        shown[index] = if show then show(item) else item
    end
    return shown
end

local function address(request, page)
    local parts = {}
    for name, value in request.query do
        if name ~= "page" then
            table.insert(parts, wt.url.encode(name) .. "=" .. wt.url.encode(value))
        end
    end
    table.sort(parts)
    table.insert(parts, "page=" .. page)
    return core.api(request) .. request.path .. "?" .. table.concat(parts, "&")
end

-- Which page is asked for: its size, and how many items lie before it.
function core.paging(request)
    local size = math.clamp(tonumber(request.query.per_page) or 30, 1, 100)
    local page = math.max(tonumber(request.query.page) or 1, 1)
    return size, (page - 1) * size, page
end

-- Says in the header where the other pages are.
function core.link(request, total)
    local size, _, page = core.paging(request)
    local last = math.max(math.ceil(total / size), 1)
    local links = {}
    local function add(rel, number)
        table.insert(links, "<" .. address(request, number) .. '>; rel="' .. rel .. '"')
    end
    if page > 1 then
        add("prev", math.min(page - 1, last))
    end
    if page < last then
        add("next", page + 1)
        add("last", last)
    end
    if page > 1 then
        add("first", 1)
    end
    if #links > 0 then
        emit.header("link", table.concat(links, ", "))
    end
end

-- Answers with a page of a collection.
function core.page(request, kind, options, show)
    local size, offset = core.paging(request)
    options.offset, options.limit = offset, size
    local items, total = wt.select(kind, options)
    core.link(request, total)
    emit.json(core.list(items, show))
end

-- Answers with a page of items that are at hand.
function core.slice(request, items, show)
    local size, offset = core.paging(request)
    local shown = wt.array({})
    for index = offset + 1, math.min(offset + size, #items) do
        table.insert(shown, if show then show(items[index]) else items[index])
    end
    core.link(request, #items)
    emit.json(shown)
end

function core.index(list, wanted)
    for index, one in list do
        if one == wanted then
            return index
        end
    end
    return nil
end

function core.copy(table_)
    local copy = {}
    for name, value in table_ do
        copy[name] = value
    end
    return copy
end

-- Takes over what a request says of an object.
function core.take(object, given, names)
    for _, name in names do
        if given[name] ~= nil then
            object[name] = given[name]
        end
    end
end

function core.no_content()
    emit.status(204)
    emit.body("")
end

return core

-- What every handler of this twin uses: arguments, who asks, errors as Slack words them, ids, times, pages.

local core = {}

-- Ends the handler with an error answer; what was written before stands.
function core.fail(code, more)
    error({ code = code, more = more })
end

-- Slack's `invalid_arguments`, with what is wrong.
function core.invalid(message)
    core.fail("invalid_arguments", { response_metadata = { messages = wt.array({ "[ERROR] " .. message }) } })
end

local AS_JSON = { blocks = true, attachments = true, view = true, files = true, metadata = true, profile = true, unfurls = true, users_json = true }

-- The arguments of a call: of the query, a form or JSON; those that are documents are read.
local function arguments(request)
    local args = {}
    for name, value in request.query do
        args[name] = value
    end
    for name, value in request.data or {} do
        args[name] = value
    end
    for name in AS_JSON do
        if type(args[name]) == "string" then
            local done, value = pcall(wt.json.decode, args[name])
            if not done or type(value) ~= "table" then
                core.fail(if name == "blocks" then "invalid_blocks_format" elseif name == "files" then "invalid_arguments" else "invalid_" .. name)
            end
            args[name] = value
        end
    end
    return args
end

-- Runs a handler so that what it refuses becomes the answer, and says `ok` in what it answers.
function core.handler(handle)
    return function(request)
        local done, refused = pcall(function()
            local me = wt.import("world").enter(request)
            local answer = handle(arguments(request), me, request) or {}
            answer.ok = true
            emit.json(answer)
        end)
        if done then
            return
        end
        if type(refused) ~= "table" or not refused.code then
            error(refused, 0)
        end
        local answer = refused.more or {}
        answer.ok, answer.error = false, refused.code
        emit.json(answer)
    end
end

-- An argument that has to be there.
function core.need(args, name)
    local value = args[name]
    if value == nil or value == "" then
        core.invalid("missing required field: " .. name)
    end
    return value
end

function core.flag(value, otherwise)
    if value == nil or value == "" then
        return otherwise or false
    end
    return value == true or value == 1 or value == "1" or value == "true" or value == "True"
end

function core.now()
    return math.floor(clock.now())
end

local LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

-- An id of Slack's form, the same in each run: a letter for its kind and ten more.
function core.id(kind, seed)
    seed = seed or (kind .. state.counter("ids"))
    local digest, id = wt.crypto.sha256("id:" .. seed), kind .. "0"
    for index = 1, 9 do
        local number = tonumber(string.sub(digest, index * 4, index * 4 + 3), 16) % 36 + 1
        id ..= string.sub(LETTERS, number, number)
    end
    return id
end

-- The time of a message, which is its name in its channel: no two are the same.
function core.ts(at)
    return string.format("%d.%06d", at or core.now(), state.counter("messages") % 1000000)
end

-- A time as an argument gives it, in the form of a message's.
function core.as_ts(text)
    local whole, part = string.match(tostring(text), "^(%d+)%.?(%d*)$")
    if not whole then
        return nil
    end
    return string.format("%010d.%s", tonumber(whole), string.sub(part .. "000000", 1, 6))
end

-- Where the API is, as the request had it.
function core.api(request)
    return "http://" .. (request.headers.host or "127.0.0.1")
end

function core.index(list, wanted)
    for index, one in list or {} do
        if one == wanted then
            return index
        end
    end
    return nil
end

function core.list(items, show)
    local shown = wt.array({})
    for index, item in items or {} do
        shown[index] = if show then show(item) else item
    end
    return shown
end

-- The words of `a,b`, or of a list.
function core.words(value)
    if type(value) == "table" then
        return value
    end
    local words = {}
    for word in string.gmatch(tostring(value or ""), "[^,%s]+") do
        table.insert(words, word)
    end
    return words
end

-- A page of items by Slack's cursors, which hold where the next begins; and the cursor.
function core.page(items, args, usual, most)
    local limit = math.clamp(tonumber(args.limit) or usual, 1, most or 1000)
    if (tonumber(args.limit) or 0) <= 0 then limit = usual end
    local from = 1
    if args.cursor and args.cursor ~= "" then
        local done, text = pcall(wt.crypto.base64_decode, args.cursor)
        from = done and tonumber(string.match(text, "^from:(%d+)$"))
        if not from then
            core.fail("invalid_cursor")
        end
    end
    local page = wt.array({})
    for index = from, math.min(from + limit - 1, #items) do
        table.insert(page, items[index])
    end
    local next_ = ""
    if from + limit <= #items then
        next_ = wt.crypto.base64_encode("from:" .. from + limit)
    end
    return page, { next_cursor = next_ }
end

return core

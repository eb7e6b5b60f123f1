local core = wt.import("core")
local world = wt.import("world")
local channels = wt.import("channels")
local messages = wt.import("messages")

local files = {}

local TYPES = {
    txt = { "text", "Plain Text", "text/plain" }, md = { "markdown", "Markdown (raw)", "text/plain" }, json = { "json", "JSON", "application/json" },
    csv = { "csv", "CSV", "text/csv" }, png = { "png", "PNG", "image/png" }, jpg = { "jpg", "JPEG", "image/jpeg" }, gif = { "gif", "GIF", "image/gif" },
    pdf = { "pdf", "PDF", "application/pdf" }, py = { "python", "Python", "text/plain" }, html = { "html", "HTML", "text/html" },
}

-- Bytes beyond which a file's content is not kept.
local KEPT_MAX = 200000

local function show(request, file)
    local shown = {}
    for name, value in file do
        if name ~= "content" and name ~= "uploaded" and name ~= "complete" then shown[name] = value end
    end
    local kind = TYPES[string.match(file.name, "%.(%w+)$") or ""] or { "binary", "Binary", "application/octet-stream" }
    local url = core.api(request) .. "/files-pri/" .. world.team_id .. "-" .. file.id .. "/" .. wt.url.encode(file.name)
    shown.filetype, shown.pretty_type, shown.mimetype = kind[1], kind[2], kind[3]
    shown.timestamp, shown.editable, shown.mode, shown.is_external, shown.external_type = file.created, false, "hosted", false, ""
    shown.is_public, shown.public_url_shared, shown.display_as_bot, shown.username = #file.channels > 0, false, false, ""
    shown.url_private, shown.url_private_download = url, url
    shown.permalink = "https://" .. world.team().domain .. ".slack.com/files/" .. file.user .. "/" .. file.id .. "/" .. wt.url.encode(file.name)
    shown.channels, shown.groups, shown.ims, shown.comments_count = core.list(file.channels), wt.array({}), wt.array({}), 0
    shown.user_team, shown.file_access = world.team_id, "visible"
    return shown
end

local function find(args)
    local file = state.get("/files", tostring(core.need(args, "file")))
    if not file or not file.complete then
        core.fail("file_not_found")
    end
    return file
end

files.begin = core.handler(function(args, me, request)
    local name, length = core.need(args, "filename"), tonumber(core.need(args, "length"))
    if not length or length < 1 then
        core.invalid("must be greater than 0 [json-pointer:/length]")
    end
    local file = { id = core.id("F"), name = name, title = name, size = length, user = me.id, created = core.now(), channels = wt.array({}), complete = false, uploaded = false, alt_txt = args.alt_txt }
    state.put("/files", file.id, file)
    return { upload_url = core.api(request) .. "/upload/v1/" .. file.id .. string.sub(wt.crypto.sha256(file.id), 1, 16), file_id = file.id }
end)

-- The bytes of a file: the body, or the first part of a form.
local function bytes_of(request)
    local body = request.body or ""
    local boundary = string.match(request.headers["content-type"] or "", '^multipart/form%-data;.*boundary="?([^";]+)')
    local _, head = string.find(body, "\r\n\r\n", 1, true)
    local tail = boundary and head and string.find(body, "\r\n--" .. boundary, head, true)
    return if tail then string.sub(body, head + 1, tail - 1) else body
end

-- Takes the bytes of a file.
function files.upload(request)
    local id = string.sub(request.params.ticket, 1, -17)
    local file = state.get("/files", id)
    if not file or request.params.ticket ~= id .. string.sub(wt.crypto.sha256(id), 1, 16) then
        emit.status(404)
        return emit.body("not found")
    end
    local content = bytes_of(request)
    file.uploaded = true
    if #content <= KEPT_MAX then
        file.content = wt.crypto.base64_encode(content)
    end
    state.put("/files", file.id, file)
    emit.header("content-type", "text/plain")
    emit.body("OK - " .. #content)
end

-- Shares files in a channel, under one message.
local function share(request, me, channel, shared, args)
    channels.open_for(channel, me)
    local list = wt.array({})
    for _, file in shared do
        file.channels = core.list(file.channels)
        table.insert(file.channels, channel.id)
        state.put("/files", file.id, file)
        table.insert(list, show(request, file))
    end
    local message = { type = "message", text = args.initial_comment or "", user = me.id, files = list, upload = true, bot_id = me.bot_id }
    messages.post(request, channel, message, { thread_ts = args.thread_ts })
    for _, file in shared do
        world.tell(request, { type = "file_shared", file_id = file.id, file = { id = file.id }, user_id = me.id, channel_id = channel.id }, channel.id)
    end
end

files.complete = core.handler(function(args, me, request)
    local done = {}
    for _, one in core.need(args, "files") do
        local file = state.get("/files", tostring(one.id))
        if not file or file.user ~= me.id then
            core.fail("file_not_found")
        end
        file.title, file.complete = one.title or file.name, true
        state.put("/files", file.id, file)
        table.insert(done, file)
    end
    local places = core.words(args.channels)
    if args.channel_id and args.channel_id ~= "" then
        table.insert(places, args.channel_id)
    end
    for _, id in places do
        share(request, me, channels.find(id, me), done, args)
    end
    return { files = core.list(done, function(file) return show(request, file) end) }
end)

-- The way of old: bytes and channels in one call.
files.upload_whole = core.handler(function(args, me, request)
    local content = args.content or args.file
    if content == nil then
        core.fail("no_file_data")
    end
    content = tostring(content)
    local name = args.filename or "-.txt"
    local file = { id = core.id("F"), name = name, title = args.title or name, size = #content, user = me.id, created = core.now(), channels = wt.array({}), complete = true, uploaded = true }
    if #content <= KEPT_MAX then
        file.content = wt.crypto.base64_encode(content)
    end
    state.put("/files", file.id, file)
    for _, id in core.words(args.channels) do
        share(request, me, channels.target(id, me), { file }, args)
    end
    return { file = show(request, file) }
end)

files.info = core.handler(function(args, _, request)
    return { file = show(request, find(args)), comments = wt.array({}), response_metadata = { next_cursor = "" } }
end)

files.list = core.handler(function(args, _, request)
    local found = {}
    for _, file in wt.select("/files", { where = { complete = true, user = args.user, channels = args.channel }, reverse = true }) do
        table.insert(found, file)
    end
    local count, page = math.clamp(tonumber(args.count) or 100, 1, 1000), math.max(tonumber(args.page) or 1, 1)
    local shown = wt.array({})
    for index = (page - 1) * count + 1, math.min(page * count, #found) do table.insert(shown, show(request, found[index])) end
    return { files = shown, paging = { count = count, total = #found, page = page, pages = math.ceil(#found / count) } }
end)

files.delete = core.handler(function(args, me, request)
    local file = find(args)
    if file.user ~= me.id and not me.user.is_admin then
        core.fail("cant_delete_file")
    end
    state.delete("/files", file.id)
    world.tell(request, { type = "file_deleted", file_id = file.id }, file.id)
    return {}
end)

function files.download(request)
    local id = string.match(request.params.file_id, "%-(F%w+)$")
    local file = id and state.get("/files", id)
    if not file or not file.content then
        emit.status(404)
        return emit.body("not found")
    end
    emit.header("content-type", show(request, file).mimetype)
    emit.body(wt.crypto.base64_decode(file.content))
end

return files

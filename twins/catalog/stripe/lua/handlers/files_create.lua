local core = wt.import("core")

return core.handler(function(request, given)
    -- The parts of the upload as they were sent: only what is said of the file is kept.
    local body = request.body or ""
    local boundary = string.match(request.headers["content-type"] or "", 'boundary="?([^";]+)')
    local name, content
    if boundary then
        local from, to = string.find(body, 'name="file"', 1, true)
        if from then
            name = string.match(string.sub(body, to, to + 300), 'filename="([^"]*)"')
            local _, head = string.find(body, "\r\n\r\n", to, true)
            local tail = head and string.find(body, "\r\n--" .. boundary, head, true)
            content = tail and string.sub(body, head + 1, tail - 1)
        end
    end
    if not content then core.missing("file") end
    name = name and string.match(name, "[^/\\]*$")
    local kind = string.match(name or "", "%.(%w+)$")
    local file = wt.new("/v1/files", { created = math.floor(clock.now()), expires_at = wt.null, filename = name or wt.null,
        purpose = given.purpose, size = #content, title = wt.null, type = kind or wt.null })
    file.url = core.page("/v1/files/" .. file.id .. "/contents")
    file.links = core.list("/v1/file_links?file=" .. file.id, {})
    state.put("/v1/files", file.id, file)
    wt.answer("/v1/files", file.id)
end)

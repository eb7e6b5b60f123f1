local core = wt.import("core")

return core.handler(function(request, given)
    if not given.file then core.missing("file") end
    if not state.get("/v1/files", given.file) then
        core.invalid("No such file upload: '" .. given.file .. "'", "file", "resource_missing")
    end
    local link = wt.new("/v1/file_links", { created = math.floor(clock.now()), expired = false, expires_at = given.expires_at or wt.null,
        file = given.file, livemode = false, metadata = given.metadata or {} })
    link.url = core.page("/links/" .. core.word("link:" .. link.id, 32))
    state.put("/v1/file_links", link.id, link)
    wt.answer("/v1/file_links", link.id)
end)

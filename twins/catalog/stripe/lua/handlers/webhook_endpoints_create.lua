local core = wt.import("core")

return core.handler(function(request, given)
    if not given.url then core.missing("url") end
    if not string.match(given.url, "^https?://") then
        core.invalid("Invalid URL: An explicit scheme (such as https) must be provided.", "url", "url_invalid")
    end
    if not given.enabled_events or #given.enabled_events == 0 then core.missing("enabled_events") end
    local place = "/v1/webhook_endpoints"
    local made = wt.new(place, { api_version = given.api_version or wt.null, application = wt.null, connect = given.connect or false,
        created = math.floor(clock.now()), description = given.description or wt.null, enabled_events = wt.array(given.enabled_events),
        livemode = false, metadata = given.metadata or {}, status = "enabled", url = given.url })
    -- Its secret is made where it is kept, and shown here only.
    wt.answer(place, made.id)
end)

local core = wt.import("core")

return core.handler(function(request, given)
    local place, id = "/v1/webhook_endpoints", request.params.webhook_endpoint
    local endpoint = state.get(place, id)
    if not endpoint then core.find("webhook_endpoint", nil) end
    core.take(endpoint, given, { "description", "enabled_events", "url" })
    if given.disabled ~= nil then endpoint.status = if given.disabled then "disabled" else "enabled" end
    state.put(place, id, endpoint)
    wt.answer(place, id)
end)

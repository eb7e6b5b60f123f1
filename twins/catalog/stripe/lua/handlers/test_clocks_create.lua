local core = wt.import("core")

return core.handler(function(request, given)
    if not given.frozen_time then core.missing("frozen_time") end
    local now = math.floor(clock.now())
    core.answer("test_clock", core.make("test_clock", { created = now, deletes_after = now + 30 * 86400,
        frozen_time = given.frozen_time, livemode = false, name = given.name or wt.null, status = "ready" }))
end)

local core = wt.import("core")
local subs = wt.import("subscriptions")

return core.handler(function(request, given)
    local held = core.find("test_clock", request.params.test_clock, "test_clock")
    if not given.frozen_time then core.missing("frozen_time") end
    if given.frozen_time <= held.frozen_time then
        core.invalid("The `frozen_time` must be after the current `frozen_time` of the test clock.", "frozen_time")
    end
    if given.frozen_time > core.after(held.frozen_time, "year", 2) then
        core.invalid("You can only advance a test clock by two years at most.", "frozen_time")
    end
    held.frozen_time = given.frozen_time
    core.keep("test_clock", held)
    subs.pass(held.id, held.frozen_time)
    -- It is done before the answer is sent; who asks again is told so.
    local shown = wt.show(core.places.test_clock, held.id)
    shown.status = "advancing"
    emit.json(shown)
end)

local core = wt.import("core")
local clocks = wt.import("clocks")

return core.handler(function(request, given)
    local held = core.find("test_clock", request.params.test_clock, "test_clock")
    if request.round == 0 then
        clocks.begin(held, given.frozen_time)
    end
    clocks.go_on(held)
    -- It may be done before the answer is sent; who asks again is told so.
    local shown = wt.show(core.places.test_clock, held.id)
    shown.status = "advancing"
    emit.json(shown)
end)

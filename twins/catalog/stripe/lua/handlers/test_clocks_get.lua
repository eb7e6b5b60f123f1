local core = wt.import("core")
local clocks = wt.import("clocks")

return core.handler(function(request)
    local held = core.find("test_clock", request.params.test_clock, "test_clock")
    if held.status == "advancing" then
        clocks.go_on(held)
    end
    emit.json(wt.show(core.places.test_clock, held.id))
end)

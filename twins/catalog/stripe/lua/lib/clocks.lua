-- Test clocks: what happens while one is advanced.

local core = wt.import("core")
local subs = wt.import("subscriptions")
wt.import("schedules")
local clocks = {}

function clocks.begin(held, till)
    if not till then
        core.missing("frozen_time")
    end
    if held.status == "advancing" then
        core.fail(429, { message = "Test clock advancement is still underway.", code = "lock_timeout" })
    end
    if till <= held.frozen_time then
        core.invalid("The `frozen_time` must be after the current `frozen_time` of the test clock.", "frozen_time")
    end
    if till > core.after(held.frozen_time, "year", 2) then
        core.invalid("You can only advance a test clock by two years at most.", "frozen_time")
    end
    held.frozen_time, held.status, held.from = till, "advancing", 0
    core.keep("test_clock", held)
end

-- As far as one call can; the rest in further rounds of the same request, or when somebody asks for the clock.
function clocks.go_on(held)
    held.from = subs.pass(held.id, held.frozen_time, held.from)
    if held.from then
        wt.again()
    else
        held.status, held.from = "ready", wt.null
    end
    core.keep("test_clock", held)
end

-- The twin's own clock, which moves by itself and by the admin API.
function clocks.tick()
    local now = math.floor(clock.now())
    local place = "/wt/clocks"
    local own = state.get(place, "own") or { id = "own", from = 0 }
    own.from = subs.pass(nil, now, own.from)
    if own.from then
        wt.again()
    else
        own.from = 0
    end
    state.put(place, "own", own)
end

return clocks

local core = wt.import("core")
local schedules = wt.import("schedules")

return core.handler(function(request, given)
    core.answer("subscription_schedule", schedules.create(given))
end)

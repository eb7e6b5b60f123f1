local core = wt.import("core")
local schedules = wt.import("schedules")

return core.handler(function(request, given)
    local schedule = core.find("subscription_schedule", request.params.schedule, "id")
    if not core.has({ "not_started", "active" }, schedule.status) then
        core.invalid("You cannot update a subscription schedule that is " .. schedule.status .. ".", nil)
    end
    if given.phases then schedule.phases = schedules.phases(given.phases, schedule.phases[1].start_date) end
    core.take(schedule, given, { "default_settings", "end_behavior" })
    core.answer("subscription_schedule", core.keep("subscription_schedule", schedule))
end)

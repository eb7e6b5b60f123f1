local core = wt.import("core")
local schedules = wt.import("schedules")

return core.handler(function(request, given)
    local schedule = core.find("subscription_schedule", request.params.schedule, "id")
    if not core.has({ "not_started", "active" }, schedule.status) then
        core.invalid("You cannot cancel a subscription schedule that is " .. schedule.status .. ".", nil)
    end
    schedules.cancel(schedule, core.now(core.peek("customer", schedule.customer)))
    core.answer("subscription_schedule", schedule)
end)

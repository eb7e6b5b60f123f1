local core = wt.import("core")
local subs = wt.import("subscriptions")
wt.import("schedules")

-- A subscription's time has come, on the twin's own clock.
return core.handler(function(request, given)
    core.of = given.account
    local sub = core.peek("subscription", given.subscription)
    local customer = sub and core.peek("customer", sub.customer)
    if customer then
        subs.tick(sub, customer)
    end
end)

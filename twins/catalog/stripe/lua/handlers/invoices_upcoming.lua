local core = wt.import("core")
local subs = wt.import("subscriptions")

return core.handler(function(request)
    local id = request.query.customer
    local sub = request.query.subscription and core.find("subscription", request.query.subscription, "subscription")
    if not id and not sub then core.missing("customer") end
    local customer = core.find("customer", id or sub.customer, "customer")
    emit.json(subs.upcoming(customer, sub))
end)

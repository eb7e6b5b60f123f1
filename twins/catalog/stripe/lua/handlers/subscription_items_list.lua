local core = wt.import("core")

return core.handler(function(request)
    local owner = request.query.subscription
    if not owner then core.missing("subscription") end
    core.find("subscription", owner, "subscription")
    wt.page(core.places.subscription_item, { subscription = owner })
end)

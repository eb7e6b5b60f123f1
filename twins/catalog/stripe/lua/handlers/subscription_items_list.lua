local core = wt.import("core")

return core.handler(function(request)
    local owner = request.query.subscription
    if not owner then core.missing("subscription") end
    core.find("subscription", owner, "subscription")
    core.page(request, "subscription_item", "/v1/subscription_items", function(item) return item.subscription == owner end)
end)

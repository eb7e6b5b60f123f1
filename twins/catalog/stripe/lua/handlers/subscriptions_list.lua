local core = wt.import("core")

return core.handler(function(request)
    local query = request.query
    local owner, status = request.params.customer or query.customer, query.status
    local path = if request.params.customer then "/v1/customers/" .. owner .. "/subscriptions" else "/v1/subscriptions"
    core.page(request, "subscription", path, function(sub)
        local fits = if status == "all" then true
            elseif status == "ended" then sub.status == "canceled" or sub.status == "incomplete_expired"
            elseif status then sub.status == status else sub.status ~= "canceled"
        local priced = query.price == nil
        for _, item in sub.items.data do
            priced = priced or item.price.id == query.price
        end
        return fits and priced and (not owner or sub.customer == owner)
            and (not query.collection_method or sub.collection_method == query.collection_method)
            and (query.test_clock == nil and (sub.test_clock == nil or owner ~= nil) or sub.test_clock == query.test_clock)
    end)
end)

local core = wt.import("core")
local subs = wt.import("subscriptions")

return core.handler(function(request)
    -- Its subscriptions end with it; the engine deletes the customer itself.
    local customer = core.find("customer", request.params.customer)
    for _, sub in state.query(core.places.subscription, "customer", customer.id) do
        if sub.status ~= "canceled" then
            subs.cancel(sub, core.now(customer), "cancellation_requested")
        end
    end
end)

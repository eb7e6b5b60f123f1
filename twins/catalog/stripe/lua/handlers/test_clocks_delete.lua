local core = wt.import("core")

return core.handler(function(request)
    local held = core.find("test_clock", request.params.test_clock, "test_clock")
    for _, customer in state.query(core.places.customer, "test_clock", held.id) do
        state.delete(core.places.customer, customer.id)
        for _, sub in state.query(core.places.subscription, "customer", customer.id) do
            state.delete(core.places.subscription, sub.id)
        end
    end
end)

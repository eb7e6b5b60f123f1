local core = wt.import("core")

local ENDED = wt.array({ "canceled", "incomplete_expired" })
local NOT_CANCELED = wt.array({ "active", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid" })

return core.handler(function(request)
    local query = request.query
    local owner, status = request.params.customer or query.customer, query.status
    if request.params.customer then core.find("customer", owner) end
    local wanted = { customer = owner, collection_method = query.collection_method, prices = query.price, test_clock = query.test_clock }
    if status == "ended" then
        wanted.status = ENDED
    elseif status ~= "all" then
        wanted.status = status or NOT_CANCELED
    end
    -- Those on test clocks are only listed where they are asked for.
    if not owner and not query.test_clock then
        wanted.test_clock = wt.null
    end
    wt.page(core.places.subscription, wanted)
end)

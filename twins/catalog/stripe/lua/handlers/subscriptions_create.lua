local core = wt.import("core")
local subs = wt.import("subscriptions")

return core.handler(function(request, given)
    given.customer = given.customer or request.params.customer
    core.answer("subscription", subs.create(given))
end)

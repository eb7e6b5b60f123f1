local core = wt.import("core")
local checkout = wt.import("checkout")

return core.handler(function(request, given)
    core.answer("checkout.session", checkout.create(given))
end)

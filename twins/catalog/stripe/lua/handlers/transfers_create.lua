local core = wt.import("core")
local pay = wt.import("pay")

return core.handler(function(request, given)
    if not given.destination then core.missing("destination") end
    given.currency = core.currency(given.currency)
    core.amount(given.amount)
    core.find("account", given.destination, "destination")
    if not given.source_transaction then
        pay.afford(given.amount, given.currency)
    end
    core.answer("transfer", pay.transfer(given, 0, true, math.floor(clock.now())))
end)

local core = wt.import("core")
local pay = wt.import("pay")

return core.handler(function()
    local sums = pay.balance()
    local function list(part)
        local all, names = wt.array(), {}
        for currency in part do table.insert(names, currency) end
        table.sort(names)
        for _, currency in names do
            table.insert(all, { amount = part[currency], currency = currency, source_types = { card = part[currency] } })
        end
        return all
    end
    emit.json({ object = "balance", available = list(sums.available), livemode = false, pending = list(sums.pending),
        connect_reserved = wt.array({ { amount = 0, currency = "usd" } }) })
end)

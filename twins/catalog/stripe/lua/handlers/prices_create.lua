local core = wt.import("core")
local bill = wt.import("bill")

return core.handler(function(request, given)
    if given.lookup_key then
        for _, other in state.query(core.places.price, "lookup_key", given.lookup_key) do
            if not given.transfer_lookup_key then
                core.invalid("A price (`" .. other.id .. "`) already uses that lookup key.", "lookup_key")
            end
            other.lookup_key = wt.null
            core.keep("price", other)
        end
    end
    core.answer("price", bill.new_price(given))
end)

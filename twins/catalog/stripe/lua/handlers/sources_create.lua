local core = wt.import("core")
local people = wt.import("people")

return core.handler(function(request, given)
    local customer = core.find("customer", request.params.customer)
    if not given.source then core.missing("source") end
    local card = people.add_card(customer, given.source)
    core.keep("customer", customer)
    wt.answer("/v1/customers/" .. customer.id .. "/sources", card.id)
end)

local core = wt.import("core")
local people = wt.import("people")

return core.handler(function(request, given)
    local customer = core.find("customer", request.params.customer)
    people.settle(customer, given)
    core.take(customer, given, { "address", "balance", "description", "email", "invoice_prefix", "name",
        "next_invoice_sequence", "phone", "preferred_locales", "shipping", "tax_exempt" })
    core.answer("customer", core.keep("customer", customer))
end)

local core = wt.import("core")
local quotes = wt.import("quotes")

return core.handler(function(request, given)
    local quote = core.find("quote", request.params.quote)
    if given.line_items or given.discounts or given.customer then quotes.require(quote, { "draft" }, "change") end
    if given.customer then quote.customer = core.find("customer", given.customer, "customer").id end
    core.take(quote, given, { "collection_method", "description", "expires_at", "footer", "header", "subscription_data" })
    quotes.price(quote, given)
    core.answer("quote", core.keep("quote", quote))
end)

local core = wt.import("core")
local quotes = wt.import("quotes")

return core.handler(function(request, given)
    local quote = core.find("quote", request.params.quote)
    quotes.require(quote, { "draft" }, "finalize")
    if #quote.items == 0 then core.invalid("A quote must have at least one line item before it can be finalized.", nil) end
    if given.expires_at then quote.expires_at = given.expires_at end
    quote.number = "QT-" .. string.upper(core.word("quote:" .. quote.id, 8)) .. "-1"
    quotes.move(quote, "open", "finalized_at")
    core.answer("quote", core.keep("quote", quote))
end)

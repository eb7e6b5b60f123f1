local core = wt.import("core")
local quotes = wt.import("quotes")

return core.handler(function(request)
    local quote = core.find("quote", request.params.quote)
    quotes.require(quote, { "draft", "open" }, "cancel")
    quotes.move(quote, "canceled", "canceled_at")
    core.answer("quote", core.keep("quote", quote))
end)

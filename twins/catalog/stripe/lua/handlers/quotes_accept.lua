local core = wt.import("core")
local quotes = wt.import("quotes")

return core.handler(function(request)
    local quote = core.find("quote", request.params.quote)
    quotes.require(quote, { "open" }, "accept")
    quotes.accept(quote)
    core.answer("quote", core.keep("quote", quote))
end)

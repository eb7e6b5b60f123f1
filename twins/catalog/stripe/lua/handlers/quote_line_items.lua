local core = wt.import("core")

-- All of them are upfront at first: what recurs is paid for its first interval.
return core.handler(function(request)
    local quote = core.find("quote", request.params.quote)
    emit.json(core.slice(request, quote.items or {}, request.path))
end)

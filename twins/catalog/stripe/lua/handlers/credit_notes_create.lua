local core = wt.import("core")
local credits = wt.import("credits")

return core.handler(function(request, given)
    if not given.invoice then core.missing("invoice") end
    core.answer("credit_note", credits.create(core.find("invoice", given.invoice, "invoice"), given))
end)

local core = wt.import("core")
local capabilities = wt.import("capabilities")

return core.handler(function(request)
    local account, names, all = core.find("account", request.params.account, "account"), {}, wt.array()
    for name in account.capabilities do table.insert(names, name) end
    table.sort(names)
    for index, name in names do all[index] = capabilities.shown(account, name) end
    emit.json(core.list("/v1/accounts/" .. account.id .. "/capabilities", all))
end)

local core = wt.import("core")
local accounts = wt.import("accounts")

return core.handler(function()
    local id = core.account()
    emit.json(if id then wt.show(core.places.account, id) else accounts.own())
end)

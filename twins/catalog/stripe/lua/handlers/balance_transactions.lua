local core = wt.import("core")
local pay = wt.import("pay")

return core.handler(function()
    -- What has become available since is written; the engine lists.
    pay.settle()
end)

-- Capabilities of an account, one by one.

local core = wt.import("core")
local capabilities = {}

function capabilities.shown(account, name)
    local status = account.capabilities[name]
    return { id = name, object = "capability", account = account.id, future_requirements = account.future_requirements,
        requested = status ~= nil, requested_at = if status then account.created else wt.null, requirements = account.requirements,
        status = status or "unrequested" }
end

return capabilities

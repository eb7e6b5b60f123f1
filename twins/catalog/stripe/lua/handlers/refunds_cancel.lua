local core = wt.import("core")
local pay = wt.import("pay")

return core.handler(function(request)
    local refund = core.find("refund", request.params.refund, "id")
    if refund.status ~= "requires_action" and refund.status ~= "pending" then
        core.invalid("Refund " .. refund.id .. " cannot be canceled: its status is " .. refund.status .. ".")
    end
    pay.unrefund(refund, "canceled")
    core.answer("refund", refund)
end)

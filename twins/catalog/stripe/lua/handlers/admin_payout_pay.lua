local core = wt.import("core")

return core.handler(function(request)
    local payout = core.find("payout", request.params.id)
    if payout.status ~= "pending" and payout.status ~= "in_transit" then
        core.invalid("A payout that is " .. payout.status .. " cannot be paid.", nil)
    end
    payout.status = "paid"
    core.keep("payout", payout)
    emit.json(wt.show(core.places.payout, payout.id))
end)

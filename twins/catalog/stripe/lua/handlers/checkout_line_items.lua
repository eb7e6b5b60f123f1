local core = wt.import("core")

return core.handler(function(request)
    local session = core.find("checkout.session", request.params.session, "session")
    emit.json(core.slice(request, session.items or {}, "/v1/checkout/sessions/" .. session.id .. "/line_items"))
end)

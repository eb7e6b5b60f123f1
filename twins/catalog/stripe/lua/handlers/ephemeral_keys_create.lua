local core = wt.import("core")

return core.handler(function(request, given)
    if given.customer then core.find("customer", given.customer, "customer") end
    local now = math.floor(clock.now())
    local key = wt.new("/v1/ephemeral_keys", { created = now, expires = now + 3600, livemode = false })
    key.secret = "ek_test_" .. core.word("ephemeral key:" .. key.id, 40)
    state.put("/v1/ephemeral_keys", key.id, key)
    wt.answer("/v1/ephemeral_keys", key.id)
end)

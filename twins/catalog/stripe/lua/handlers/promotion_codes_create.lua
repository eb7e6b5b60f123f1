local core = wt.import("core")

return core.handler(function(request, given)
    local coupon = core.find("coupon", given.coupon, "coupon")
    local now = math.floor(clock.now())
    local made = core.make("promotion_code", { active = given.active ~= false, coupon = wt.show(core.places.coupon, coupon.id),
        created = now, customer = given.customer or wt.null, expires_at = given.expires_at or wt.null, livemode = false,
        max_redemptions = given.max_redemptions or wt.null, times_redeemed = 0, metadata = given.metadata or {},
        restrictions = given.restrictions or { first_time_transaction = false, minimum_amount = wt.null, minimum_amount_currency = wt.null } })
    made.code = given.code or string.upper(core.word("code:" .. made.id, 8))
    core.answer("promotion_code", core.keep("promotion_code", made))
end)

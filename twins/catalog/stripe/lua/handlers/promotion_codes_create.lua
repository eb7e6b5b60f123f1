local core = wt.import("core")

local function restrictions(given)
    given = given or {}
    return { first_time_transaction = given.first_time_transaction or false, minimum_amount = given.minimum_amount or wt.null,
        minimum_amount_currency = given.minimum_amount_currency or wt.null }
end

-- Among those that can be redeemed, one code (whatever its case) is one promotion code.
local function check_free(code)
    for _, other in state.query(core.places.promotion_code, "folded", string.lower(code)) do
        if other.active then
            core.invalid("An active promotion code with `code: " .. code .. "` already exists.", "code")
        end
    end
end

return core.handler(function(request, given)
    if not given.coupon then core.missing("coupon") end
    local coupon = core.find("coupon", given.coupon, "coupon")
    if given.code then check_free(given.code) end
    local now = math.floor(clock.now())
    local made = core.make("promotion_code", { active = given.active ~= false, coupon = wt.show(core.places.coupon, coupon.id),
        created = now, customer = given.customer or wt.null, expires_at = given.expires_at or wt.null, livemode = false,
        max_redemptions = given.max_redemptions or wt.null, times_redeemed = 0, metadata = given.metadata or {},
        restrictions = restrictions(given.restrictions) })
    made.code = given.code or string.upper(core.word("code:" .. made.id, 8))
    made.folded = string.lower(made.code)
    core.answer("promotion_code", core.keep("promotion_code", made))
end)

-- Discounts: coupons and promotion codes, who may use them and what they take off.

local core = wt.import("core")
local discounts = {}

local function refuse(message) core.invalid(message, "promotion_code") end

-- Whether a promotion code is good for a customer and what they are about to pay. `use`: what the coupon is used on.
-- Source: Stripe's public reference of promotion codes (`restrictions`, `customer`, `expires_at`).
local function check_code(code, use)
    if code.active == false or (code.expires_at and code.expires_at <= use.now) then
        refuse("This promotion code is not active.")
    end
    if code.customer and code.customer ~= use.customer then
        refuse("This promotion code cannot be redeemed because it is restricted to another customer.")
    end
    local limits = code.restrictions or {}
    if limits.first_time_transaction and use.customer then
        for _, charge in state.query(core.places.charge, "customer", use.customer) do
            if charge.paid then
                refuse("This promotion code cannot be redeemed because the associated customer has prior transactions.")
            end
        end
    end
    local least = core.value(limits.minimum_amount)
    if least and use.amount and use.amount < least then
        refuse("This promotion code cannot be redeemed because it requires an order of at least "
            .. core.money(least, limits.minimum_amount_currency) .. ".")
    end
end

-- The coupon a request names, by itself or by a promotion code, which counts.
function discounts.coupon_of(given, use)
    if given.promotion_code and given.promotion_code ~= "" then
        local code = core.find("promotion_code", given.promotion_code, "promotion_code")
        check_code(code, use)
        code.times_redeemed = (code.times_redeemed or 0) + 1
        code.active = not (code.max_redemptions and code.times_redeemed >= code.max_redemptions)
        core.keep("promotion_code", code)
        return core.find("coupon", code.coupon.id, "promotion_code"), code
    end
    if given.coupon and given.coupon ~= "" then
        return core.find("coupon", given.coupon, "coupon")
    end
end

-- The discount of a coupon as it stands on customers, subscriptions and invoices.
local function discount_of(coupon, code, use)
    local months = coupon.duration == "repeating" and coupon.duration_in_months
    return {
        id = "di_" .. core.word(coupon.id .. (use.customer or "") .. tostring(state.counter("discounts")), 24),
        object = "discount",
        checkout_session = wt.null,
        coupon = wt.show(core.places.coupon, coupon.id),
        customer = use.customer,
        ["end"] = if months then core.after(use.now, "month", months) else wt.null,
        invoice = use.invoice or wt.null,
        invoice_item = use.invoice_item or wt.null,
        promotion_code = code and code.id or wt.null,
        start = use.now,
        subscription = use.subscription or wt.null,
    }
end

function discounts.redeem(coupon, code, use)
    local used = coupon.times_redeemed or 0
    local is_over = coupon.valid == false or (coupon.redeem_by and coupon.redeem_by < use.now)
    if is_over or (coupon.max_redemptions and used >= coupon.max_redemptions) then
        core.invalid("Coupon expired: " .. coupon.id, "coupon", "coupon_expired")
    end
    coupon.times_redeemed = used + 1
    coupon.valid = not (coupon.max_redemptions and coupon.times_redeemed >= coupon.max_redemptions)
    core.keep("coupon", coupon)
    return discount_of(coupon, code, use)
end

-- What a request names by `coupon` or `promotion_code`, redeemed; nil where it names neither.
function discounts.named(given, use)
    local coupon, code = discounts.coupon_of(given, use)
    return coupon and discounts.redeem(coupon, code, use)
end

-- What a request lists in `discounts`; nil where it does not say. Nothing of a preview is redeemed.
function discounts.listed(given, use, preview)
    if given == nil then
        return nil
    end
    local made = wt.array()
    for _, one in if type(given) == "table" then given else {} do
        if preview then
            local code = one.promotion_code and core.find("promotion_code", one.promotion_code, "promotion_code")
            local coupon = core.find("coupon", if code then code.coupon.id else one.coupon, "coupon")
            table.insert(made, discount_of(coupon, code, use))
        else
            table.insert(made, discounts.named(one, use))
        end
    end
    return made
end

function discounts.ids(list)
    local ids = wt.array()
    for index, one in list or {} do
        ids[index] = one.id
    end
    return ids
end

-- What a discount takes off an amount.
function discounts.off(discount, amount)
    local coupon = discount.coupon
    local off = if core.value(coupon.percent_off) then math.floor(amount * coupon.percent_off / 100 + 0.5) else core.value(coupon.amount_off) or 0
    return math.max(0, math.min(off, amount))
end

-- Whether a discount is for a product; most are for all.
function discounts.fits(discount, product)
    local coupon = core.peek("coupon", discount.coupon.id)
    local only = coupon and core.value(coupon.applies_to)
    return not only or core.has(only.products or {}, product)
end

return discounts

-- What a quantity costs at a price, and what was used of a metered one.

local core = wt.import("core")
local prices = {}

local function rounded(value) return math.floor(value + 0.5) end

-- Of one: whole cents, or parts of a cent.
local function each(of) return of.unit_amount or tonumber(of.unit_amount_decimal) or 0 end

local function flat(tier) return tier.flat_amount or tonumber(tier.flat_amount_decimal) or 0 end

-- Each tier is paid for what falls into it.
local function graduated(tiers, quantity)
    local sum, below = 0, 0
    for _, tier in tiers do
        local top = tier.up_to or math.huge
        sum += (math.min(quantity, top) - below) * each(tier) + flat(tier)
        if quantity <= top then
            break
        end
        below = top
    end
    return sum
end

-- All is paid at the tier the whole falls into.
local function volume(tiers, quantity)
    for _, tier in tiers do
        if quantity <= (tier.up_to or math.huge) then
            return quantity * each(tier) + flat(tier)
        end
    end
    return 0
end

function prices.amount(price, quantity)
    if price.billing_scheme == "tiered" and price.tiers then
        return rounded((if price.tiers_mode == "volume" then volume else graduated)(price.tiers, quantity))
    end
    local pack = core.value(price.transform_quantity)
    if pack then
        local packs = quantity / pack.divide_by
        quantity = if pack.round == "down" then math.floor(packs) else math.ceil(packs)
    end
    return rounded(quantity * each(price))
end

-- What an item costs for one period in advance; what is metered is paid afterwards.
function prices.of_item(item)
    return if prices.is_metered(item.price) then 0 else prices.amount(item.price, item.quantity or 1)
end

function prices.is_metered(price)
    local recurring = core.value(price.recurring)
    return recurring ~= nil and recurring.usage_type == "metered"
end

function prices.usage_place(item) return "/v1/subscription_items/" .. item.id .. "/usage_records" end

-- What was used of an item from a time up to another.
function prices.usage(item, from, to)
    local how = item.price.recurring.aggregate_usage or "sum"
    local used, latest = 0, -1
    for _, record in state.list(prices.usage_place(item)) do
        local counts = record.timestamp < to and (record.timestamp >= from or how == "last_ever")
        if counts and how == "sum" then
            used += record.quantity
        elseif counts and how == "max" then
            used = math.max(used, record.quantity)
        elseif counts and record.timestamp >= latest then
            used, latest = record.quantity, record.timestamp
        end
    end
    return used
end

-- Tiers as a request gives them, in the form they are kept in.
function prices.tiers(given)
    local tiers = wt.array()
    for index, tier in given do
        local function decimal(amount, text) return text or (amount and tostring(amount)) or wt.null end
        local top = tier.up_to
        if top == nil then
            core.missing("tiers[" .. (index - 1) .. "][up_to]")
        end
        tiers[index] = {
            flat_amount = tier.flat_amount or wt.null,
            flat_amount_decimal = decimal(tier.flat_amount, tier.flat_amount_decimal),
            unit_amount = tier.unit_amount or wt.null,
            unit_amount_decimal = decimal(tier.unit_amount, tier.unit_amount_decimal),
            up_to = if top == "inf" then wt.null else tonumber(top),
        }
    end
    return tiers
end

return prices

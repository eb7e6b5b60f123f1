-- What the lines of an invoice come to, with what is taken off and what taxes add.

local core = wt.import("core")
local discounts = wt.import("discounts")
local sums = {}

local function rounded(value) return math.floor(value + 0.5) end

-- Notes on a line, and in the sum by discount, what a discount takes off it.
local function take_off(line, discount, amount, by_discount)
    line.left -= amount
    table.insert(line.discount_amounts, { amount = amount, discount = discount.id })
    by_discount[discount.id] = (by_discount[discount.id] or 0) + amount
end

-- Takes a discount of the whole off the lines it is for, in proportion; the last takes what rounding leaves.
-- Prorations are not discountable by themselves: they are drawn up at full price, so that the whole's discounts are for them, too.
local function spread(lines, discount, by_discount)
    local fitting, whole = {}, 0
    for _, line in lines do
        local product = core.value(line.price) and line.price.product
        if (line.discountable or line.proration) and discounts.fits(discount, product) then
            table.insert(fitting, line)
            whole += line.left
        end
    end
    local off = discounts.off(discount, whole)
    local before, given = 0, 0
    for _, line in fitting do
        before += line.left
        local till = if whole == 0 then 0 else rounded(off * before / whole)
        take_off(line, discount, till - given, by_discount)
        given = till
    end
    return off
end

-- The taxes of a line: its own rates, else those of the invoice. What stands in the price is taken out of it.
local function tax(line, default, by_rate, order)
    local rates = if line.tax_rates and #line.tax_rates > 0 then line.tax_rates else default
    for _, rate in rates do
        local share = rate.percentage / 100
        local net = if rate.inclusive then line.left / (1 + share) else line.left
        if not by_rate[rate.id] then
            by_rate[rate.id] = { amount = 0, taxable = 0, inclusive = rate.inclusive }
            table.insert(order, rate.id)
        end
        by_rate[rate.id].amount += net * share
        by_rate[rate.id].taxable += net
        table.insert(line.tax_amounts, { amount = rounded(net * share), inclusive = rate.inclusive, tax_rate = rate.id,
            taxable_amount = rounded(net), taxability_reason = wt.null })
    end
end

local function discount_amounts(list, by_discount)
    local amounts = wt.array()
    for _, one in list do
        if by_discount[one.id] then
            table.insert(amounts, { amount = by_discount[one.id], discount = one.id })
        end
    end
    return amounts
end

local function tax_amounts(by_rate, order)
    local amounts, inside, added = wt.array(), 0, 0
    for _, id in order do
        local one = by_rate[id]
        local amount = rounded(one.amount)
        table.insert(amounts, { amount = amount, inclusive = one.inclusive, tax_rate = id, taxable_amount = rounded(one.taxable),
            taxability_reason = wt.null })
        if one.inclusive then inside += amount else added += amount end
    end
    return amounts, inside, added
end

-- The discounts of an invoice: those it was given, else the one it has of its subscription or customer.
local function of_invoice(invoice)
    local one = core.value(invoice.discount)
    return core.value(invoice.off) or if one then { one } else {}
end

-- Sums an invoice up from its lines.
function sums.up(invoice)
    local lines, subtotal, off = invoice.lines.data, 0, 0
    local by_discount, all = {}, {}
    for _, line in lines do
        subtotal += line.amount
        line.left, line.discount_amounts, line.tax_amounts = line.amount, wt.array(), wt.array()
        for _, own in core.value(line.off) or {} do
            local amount = discounts.off(own, line.left)
            take_off(line, own, amount, by_discount)
            off += amount
            table.insert(all, own)
        end
    end
    for _, discount in of_invoice(invoice) do
        off += spread(lines, discount, by_discount)
        table.insert(all, discount)
    end
    local by_rate, order = {}, {}
    for _, line in lines do
        tax(line, core.value(invoice.default_tax_rates) or {}, by_rate, order)
        line.left = nil
    end
    local taxes, inside, added = tax_amounts(by_rate, order)
    invoice.discounts = discounts.ids(of_invoice(invoice))
    invoice.subtotal, invoice.subtotal_excluding_tax = subtotal, subtotal - inside
    invoice.total_discount_amounts = discount_amounts(all, by_discount)
    invoice.total_tax_amounts, invoice.tax = taxes, if #taxes > 0 then inside + added else wt.null
    invoice.total, invoice.total_excluding_tax = subtotal - off + added, subtotal - off - inside
    return invoice
end

return sums

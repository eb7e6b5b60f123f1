-- Credit notes: what is taken back of an invoice.

local core = wt.import("core")
local bill = wt.import("bill")
local pay = wt.import("pay")
local credits = {}

local function line_of(invoice, given, index)
    if given.type == "invoice_line_item" or given.invoice_line_item then
        for _, one in invoice.lines.data do
            if one.id == given.invoice_line_item then
                local each = one.amount / math.max(one.quantity or 1, 1)
                local amount = given.amount or (given.quantity and math.floor(each * given.quantity + 0.5)) or one.amount
                return { type = "invoice_line_item", invoice_line_item = one.id, description = one.description, amount = amount,
                    quantity = given.quantity or one.quantity or 1, unit_amount = wt.null }
            end
        end
        core.invalid("No such line item: '" .. tostring(given.invoice_line_item) .. "'", "lines[" .. (index - 1) .. "][invoice_line_item]",
            "resource_missing")
    end
    local quantity = given.quantity or 1
    return { type = "custom_line_item", description = given.description or wt.null, quantity = quantity, unit_amount = given.unit_amount,
        amount = given.amount or (given.unit_amount or 0) * quantity }
end

local function lines_of(invoice, given)
    local lines = wt.array()
    local asked = given.lines or { { type = "custom_line_item", description = "Credit", unit_amount = given.amount, quantity = 1 } }
    for index, one in asked do
        local line = line_of(invoice, one, index)
        line.id = "cnli_" .. core.word("credit line:" .. tostring(state.counter("credit lines")), 24)
        line.object, line.discount_amount, line.livemode, line.amount_excluding_tax = "credit_note_line_item", 0, false, line.amount
        line.discount_amounts, line.tax_amounts, line.tax_rates = wt.array(), wt.array(), wt.array()
        lines[index] = line
    end
    return lines
end

local function check(invoice, amount, given)
    if not core.has({ "open", "paid", "uncollectible" }, invoice.status) then
        core.invalid("You can only create credit notes for an invoice that is open, paid or uncollectible; this one is " .. invoice.status .. ".",
            "invoice")
    end
    local paid = invoice.status == "paid"
    local most = if paid then invoice.amount_paid - (invoice.post_payment_credit_notes_amount or 0) else invoice.amount_remaining
    if amount < 1 or amount > most then
        core.invalid("The credit note's amount (" .. core.money(amount, invoice.currency) .. ") must be between 1 and "
            .. core.money(most, invoice.currency) .. ", what is left of the invoice.", "amount")
    end
    local back = (given.refund_amount or 0) + (given.credit_amount or 0) + (given.out_of_band_amount or 0)
    if given.refund then
        back += core.find("refund", given.refund, "refund").amount
    end
    if paid and back ~= amount then
        core.invalid("The sum of credit amount, refund amount and out of band amount (" .. core.money(back, invoice.currency)
            .. ") must equal the credit note amount (" .. core.money(amount, invoice.currency) .. ").", nil)
    end
    return paid
end

-- A credit note as it would be; nothing is kept.
function credits.draw(invoice, given, now)
    if not given.amount and not given.lines then
        core.missing("amount")
    end
    local lines, amount = lines_of(invoice, given), 0
    for _, line in lines do
        amount += line.amount
    end
    local paid = check(invoice, amount, given)
    return { amount = amount, amount_shipping = 0, created = now, currency = invoice.currency, customer = invoice.customer,
        customer_balance_transaction = wt.null, discount_amount = 0, discount_amounts = wt.array(), effective_at = now, invoice = invoice.id,
        lines = core.list("", lines), livemode = false, memo = given.memo or wt.null, metadata = given.metadata or {},
        out_of_band_amount = given.out_of_band_amount or wt.null, reason = given.reason or wt.null, refund = given.refund or wt.null,
        shipping_cost = wt.null, status = "issued", subtotal = amount, subtotal_excluding_tax = amount, tax_amounts = wt.array(),
        total = amount, total_excluding_tax = amount, type = if paid then "post_payment" else "pre_payment", voided_at = wt.null }
end

local AMOUNTS = { "amount", "credit_amount", "out_of_band_amount", "refund_amount", "quantity", "unit_amount" }

local function numbers(asked)
    local given = table.clone(asked)
    for _, name in AMOUNTS do
        given[name] = tonumber(asked[name])
    end
    return given
end

-- A credit note as a query asks to see it, where all are texts.
function credits.preview(asked)
    if not asked.invoice then core.missing("invoice") end
    local invoice = core.find("invoice", asked.invoice, "invoice")
    local given, lines = numbers(asked), {}
    for index, line in asked.lines or {} do
        lines[index] = numbers(line)
    end
    given.lines = asked.lines and lines
    local note = credits.draw(invoice, given, core.now(core.peek("customer", invoice.customer)))
    note.object, note.id = "credit_note", "cn_" .. core.word("preview:" .. invoice.id, 24)
    note.number, note.pdf = (invoice.number or "DRAFT") .. "-CN-PREVIEW", "https://pay.stripe.com/credit_notes/preview/pdf"
    note.lines.url = "/v1/credit_notes/preview/lines"
    return note
end

function credits.create(invoice, given)
    local customer = core.find("customer", invoice.customer, "customer")
    local now = core.now(customer)
    local note = core.make("credit_note", credits.draw(invoice, given, now))
    note.lines.url = "/v1/credit_notes/" .. note.id .. "/lines"
    note.number = (invoice.number or "DRAFT") .. "-CN-" .. string.format("%02d", state.counter("credit notes of " .. invoice.id))
    note.pdf = "https://pay.stripe.com/credit_notes/" .. core.word("credit note:" .. note.id, 40) .. "/pdf"
    if note.type == "post_payment" then
        invoice.post_payment_credit_notes_amount = (invoice.post_payment_credit_notes_amount or 0) + note.amount
        if given.refund_amount then
            note.refund = pay.refund(core.find("charge", invoice.charge, "charge"), { amount = given.refund_amount }, now).id
        end
        if given.credit_amount then
            local _, id = bill.credit(customer, -given.credit_amount, "credit_note", { credit_note = note.id, invoice = invoice.id,
                currency = invoice.currency }, now)
            note.customer_balance_transaction = id
        end
        core.keep("invoice", invoice)
    else
        invoice.pre_payment_credit_notes_amount = (invoice.pre_payment_credit_notes_amount or 0) + note.amount
        invoice.amount_remaining -= note.amount
        invoice.amount_due -= note.amount
        core.keep("invoice", invoice)
        if invoice.amount_remaining == 0 then
            bill.paid(invoice, now)
        end
    end
    return core.keep("credit_note", note)
end

function credits.void(note)
    if note.status == "void" or note.type ~= "pre_payment" then
        core.invalid("Only issued credit notes of open invoices can be voided.", nil)
    end
    local invoice = core.find("invoice", note.invoice, "invoice")
    invoice.pre_payment_credit_notes_amount -= note.amount
    if invoice.status == "open" then
        invoice.amount_remaining += note.amount
        invoice.amount_due += note.amount
    end
    core.keep("invoice", invoice)
    note.status, note.voided_at = "void", core.now(core.peek("customer", note.customer))
    return core.keep("credit_note", note)
end

return credits

local core = wt.import("core")
local pay = wt.import("pay")
local people = wt.import("people")

return core.handler(function(request, given)
    pay.check_amount(given.amount, given.currency)
    local customer = given.customer and core.find("customer", given.customer, "customer")
    local method, source = people.payer(customer, given.source)
    local charge, problem = pay.charge(method, {
        amount = given.amount, application_fee_amount = given.application_fee_amount or wt.null, captured = given.capture ~= false,
        currency = string.lower(given.currency), customer = given.customer or wt.null, description = given.description or wt.null,
        metadata = given.metadata or {}, on_behalf_of = given.on_behalf_of or wt.null, payment_intent = wt.null,
        receipt_email = given.receipt_email or wt.null, shipping = given.shipping or wt.null, source = source,
        statement_descriptor = given.statement_descriptor or wt.null, transfer_data = pay.destination_of(given), transfer_group = given.transfer_group or wt.null,
    }, core.now(customer))
    if problem then core.fail(402, problem) end
    core.answer("charge", charge)
end)

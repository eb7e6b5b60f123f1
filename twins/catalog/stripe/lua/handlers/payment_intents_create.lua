local core = wt.import("core")
local pay = wt.import("pay")
local intents = wt.import("intents")

return core.handler(function(request, given)
    pay.check_amount(given.amount, given.currency)
    local customer = given.customer and core.find("customer", given.customer, "customer")
    local intent = pay.new_intent({
        amount = given.amount, currency = string.lower(given.currency), capture_method = given.capture_method,
        confirmation_method = given.confirmation_method, setup_future_usage = given.setup_future_usage or wt.null,
        customer = given.customer or wt.null, created = core.now(customer),
        payment_method_types = given.payment_method_types and wt.array(given.payment_method_types),
    })
    pay.destination_of(given)
    core.take(intent, given, intents.FIELDS)
    intents.take_method(intent, given)
    core.keep("payment_intent", intent)
    if given.confirm then intents.confirm(intent, given) end
    core.answer("payment_intent", intent)
end)

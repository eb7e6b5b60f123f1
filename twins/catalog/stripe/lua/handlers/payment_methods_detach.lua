local core = wt.import("core")

return core.handler(function(request)
    local method = core.find("PaymentMethod", request.params.payment_method)
    if not method.customer then
        core.invalid("The payment method you provided is not attached to a customer so detachment is impossible.",
            nil, "payment_method_unexpected_state")
    end
    local customer = core.peek("customer", method.customer)
    if customer and customer.invoice_settings and customer.invoice_settings.default_payment_method == method.id then
        customer.invoice_settings.default_payment_method = wt.null
        core.keep("customer", customer)
    end
    method.customer, method.told, method.attached = wt.null, "detached", false
    core.answer("PaymentMethod", core.keep("PaymentMethod", method))
end)

local core = wt.import("core")

return core.handler(function(request)
    local customer = core.find("customer", request.params.customer)
    local discount = customer.discount
    if not discount then
        core.fail(404, { message = "No active discount for customer: " .. customer.id, code = "resource_missing" })
    end
    customer.discount = wt.null
    core.keep("customer", customer)
    emit.json({ id = discount.id, object = "discount", deleted = true, coupon = discount.coupon, customer = customer.id,
        checkout_session = wt.null, invoice = wt.null, invoice_item = wt.null, promotion_code = wt.null,
        start = discount.start, subscription = wt.null })
end)

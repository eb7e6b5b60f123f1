local core = wt.import("core")

return core.handler(function(request)
    local sub = core.find("subscription", request.params.subscription_exposed_id)
    local discount = sub.discount
    if not discount then
        core.fail(404, { message = "No active discount for subscription: " .. sub.id, code = "resource_missing" })
    end
    sub.discount = wt.null
    core.keep("subscription", sub)
    emit.json({ id = discount.id, object = "discount", deleted = true, coupon = discount.coupon, customer = sub.customer,
        checkout_session = wt.null, invoice = wt.null, invoice_item = wt.null, promotion_code = wt.null,
        start = discount.start, subscription = sub.id })
end)

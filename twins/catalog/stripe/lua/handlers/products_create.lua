local core = wt.import("core")
local bill = wt.import("bill")

return core.handler(function(request, given)
    if not given.name then core.missing("name") end
    if given.id and core.peek("product", given.id) then
        core.invalid("Product already exists.", "id", "resource_already_exists")
    end
    local now = math.floor(clock.now())
    local product = core.make_as("product", given.id, {
        active = given.active ~= false, created = now, default_price = wt.null, features = wt.array(given.features),
        images = wt.array(given.images), attributes = wt.array(), livemode = false, package_dimensions = given.package_dimensions or wt.null,
        shippable = if given.shippable == nil then wt.null else given.shippable, type = given.type or "service", updated = now,
    })
    core.take(product, given, { "name", "description", "statement_descriptor", "tax_code", "unit_label", "url" })
    core.keep("product", product)
    if given.default_price_data then
        local data = table.clone(given.default_price_data)
        data.product = product.id
        product.default_price = bill.new_price(data).id
        core.keep("product", product)
    end
    core.answer("product", product)
end)

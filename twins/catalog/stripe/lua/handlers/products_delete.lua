local core = wt.import("core")

return core.handler(function(request)
    local product = core.find("product", request.params.id)
    if #state.query(core.places.price, "product", product.id) > 0 then
        core.invalid("This product cannot be deleted because it has one or more user-created prices.", "id")
    end
end)

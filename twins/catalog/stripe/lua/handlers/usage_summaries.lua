local core = wt.import("core")
local prices = wt.import("prices")

return core.handler(function(request)
    local item = core.find("subscription_item", request.params.subscription_item, "subscription_item")
    local sub = core.find("subscription", item.subscription, "subscription")
    local from, to = sub.current_period_start, sub.current_period_end
    local summary = { id = "sis_" .. core.word("summary:" .. item.id .. from, 24), object = "usage_record_summary", invoice = wt.null,
        livemode = false, period = { start = from, ["end"] = to }, subscription_item = item.id,
        total_usage = prices.usage(item, from, to) }
    emit.json(core.list("/v1/subscription_items/" .. item.id .. "/usage_record_summaries", { summary }))
end)

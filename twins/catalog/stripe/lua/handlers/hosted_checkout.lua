local core = wt.import("core")
local pages = wt.import("pages")
local checkout = wt.import("checkout")

return function(request)
    local session = core.peek("checkout.session", request.params.session)
    if not session then
        return pages.say(404, "Not found", "There is no such checkout session.")
    elseif session.status == "expired" then
        return pages.say(410, "Expired", "This checkout session has expired.")
    elseif session.status == "complete" then
        return pages.go(checkout.after(session))
    end
    if request.method == "GET" then
        local due = if session.mode == "setup" then "Save a card." else "To pay: " .. core.money(session.amount_total or 0, session.currency) .. "."
        return pages.form("Checkout", due, {
            { name = "email", value = session.customer_email or "", label = "E-mail" },
            { name = "payment_method", value = "pm_card_visa", label = "Card (one of Stripe's test payment methods)" },
        }, { { name = "action", value = "pay", label = "Pay" } })
    end
    local given = request.data or {}
    for name, value in given do
        if value == "" then given[name] = nil end
    end
    local done, problem = pcall(checkout.complete, session, given)
    if not done then
        problem = if type(problem) == "table" and problem.fields then problem.fields else error(problem, 0)
    end
    if problem then
        return pages.say(402, "Not paid", problem.message)
    end
    pages.go(checkout.after(core.peek("checkout.session", session.id)))
end

-- Schedules: subscriptions that begin and change by themselves.

local core = wt.import("core")
local bill = wt.import("bill")
local subs = wt.import("subscriptions")
local schedules = {}

local function keep(schedule) return core.keep("subscription_schedule", schedule) end

local function items_of(given)
    local items = wt.array()
    for index, one in given or {} do
        local price = bill.price_of(one)
        items[index] = { billing_thresholds = wt.null, metadata = one.metadata or {}, plan = price.id, price = price.id,
            quantity = one.quantity or 1, tax_rates = wt.array() }
    end
    if #items == 0 then
        core.missing("phases[0][items]")
    end
    return items
end

local function end_of(given, items, from)
    if type(given.end_date) == "number" then
        return given.end_date
    end
    local interval, count = bill.interval(core.find("price", items[1].price, "price"))
    return core.after(from, interval, count * (given.iterations or 1))
end

local KEPT = { "collection_method", "coupon", "default_payment_method", "description", "metadata", "proration_behavior", "trial_end" }

-- Phases as a request gives them, each from the end of the one before.
function schedules.phases(given, from)
    local phases = wt.array()
    for index, one in given do
        local items = items_of(one.items)
        if type(one.start_date) == "number" then
            from = one.start_date
        end
        local phase = { add_invoice_items = wt.array(), items = items, start_date = from, end_date = end_of(one, items, from),
            currency = core.find("price", items[1].price, "price").currency, metadata = {}, proration_behavior = "create_prorations" }
        for _, name in KEPT do
            phase[name] = one[name] or phase[name]
        end
        phases[index], from = phase, phase.end_date
    end
    if #phases == 0 then
        core.missing("phases")
    end
    return phases
end

local function enter(schedule, phase)
    schedule.current_phase = { start_date = phase.start_date, end_date = phase.end_date }
end

local function begin(schedule)
    local phase = schedule.phases[1]
    local items = {}
    for index, one in phase.items do
        items[index] = { price = one.price, quantity = one.quantity }
    end
    local sub = subs.create({ customer = schedule.customer, items = items, coupon = phase.coupon, trial_end = phase.trial_end,
        default_payment_method = phase.default_payment_method, collection_method = phase.collection_method, metadata = phase.metadata })
    sub.schedule = schedule.id
    core.keep("subscription", sub)
    schedule.subscription, schedule.status = sub.id, "active"
    enter(schedule, phase)
    return keep(schedule)
end

local function from_subscription(id)
    local sub = core.find("subscription", id, "from_subscription")
    if sub.schedule then
        core.invalid("You cannot migrate a subscription that is already attached to a schedule: " .. sub.schedule .. ".", "from_subscription")
    end
    local items = {}
    for index, item in sub.items.data do
        items[index] = { price = item.price.id, quantity = item.quantity }
    end
    local phases = { { items = items, start_date = sub.current_period_start, end_date = sub.current_period_end } }
    return sub, schedules.phases(phases, sub.current_period_start)
end

function schedules.create(given)
    local sub, phases
    if given.from_subscription then
        sub, phases = from_subscription(given.from_subscription)
    elseif not given.customer then
        core.missing("customer")
    elseif not given.phases then
        core.missing("phases")
    end
    local customer = core.find("customer", sub and sub.customer or given.customer, "customer")
    local now = core.now(customer)
    local from = if type(given.start_date) == "number" then given.start_date else now
    local schedule = core.make("subscription_schedule", { application = wt.null, canceled_at = wt.null, completed_at = wt.null, created = now,
        current_phase = wt.null, customer = customer.id, default_settings = given.default_settings or {},
        end_behavior = given.end_behavior or "release", livemode = false, phases = phases or schedules.phases(given.phases, from),
        released_at = wt.null, released_subscription = wt.null, status = "not_started", told = "not_started", subscription = wt.null,
        test_clock = customer.test_clock or wt.null })
    core.metadata(schedule, given.metadata)
    if sub then
        sub.schedule = schedule.id
        core.keep("subscription", sub)
        schedule.subscription, schedule.status = sub.id, "active"
        enter(schedule, schedule.phases[1])
        return keep(schedule)
    end
    return if from <= now then begin(keep(schedule)) else keep(schedule)
end

-- Begins the schedules of a test clock, or of none, whose time comes until a time.
function schedules.start(test_clock, till)
    for _, schedule in state.query(core.places.subscription_schedule, "status", "not_started") do
        local at = schedule.phases[1].start_date
        if schedule.test_clock == test_clock and at <= till then
            core.at = at
            begin(schedule)
            core.at = nil
        end
    end
end

-- When the present phase of a subscription's schedule ends.
function schedules.next_of(sub)
    local schedule = core.peek("subscription_schedule", sub.schedule)
    local phase = schedule and schedule.status == "active" and core.value(schedule.current_phase)
    return if phase then phase.end_date else nil
end

local function ended(schedule, status, stamp, at)
    schedule.status, schedule.told, schedule[stamp], schedule.current_phase = status, status, at, wt.null
    local sub = schedule.subscription and core.peek("subscription", schedule.subscription)
    if sub then
        sub.schedule = wt.null
        core.keep("subscription", sub)
    end
    if status == "released" then
        schedule.released_subscription, schedule.subscription = schedule.subscription, wt.null
    end
    keep(schedule)
end

function schedules.release(schedule, at) ended(schedule, "released", "released_at", at) end

function schedules.cancel(schedule, at)
    local sub = schedule.subscription and core.peek("subscription", schedule.subscription)
    ended(schedule, "canceled", "canceled_at", at)
    if sub and sub.status ~= "canceled" then
        subs.cancel(core.find("subscription", sub.id), at, "cancellation_requested")
    end
end

-- Goes on to the next phase of a schedule, or ends it.
function schedules.turn(sub, customer, at)
    local schedule = core.find("subscription_schedule", sub.schedule)
    for _, phase in schedule.phases do
        if phase.start_date >= at then
            subs.replace_items(sub, phase.items, at)
            enter(schedule, phase)
            keep(schedule)
            return
        end
    end
    if schedule.end_behavior == "cancel" then
        ended(schedule, "completed", "completed_at", at)
        subs.cancel(core.find("subscription", sub.id), at, "cancellation_requested")
    else
        schedules.release(schedule, at)
    end
end

subs.scheduled_by(schedules)

return schedules

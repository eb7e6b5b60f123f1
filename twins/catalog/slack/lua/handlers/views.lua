local core = wt.import("core")
local world = wt.import("world")

local views = {}

local function check(view, wanted)
    if type(view) ~= "table" or view.type == nil then
        core.invalid("missing required field: type [json-pointer:/view/type]")
    elseif view.type ~= wanted then
        core.invalid("value must be one of the allowed values [json-pointer:/view/type]")
    elseif type(view.blocks) ~= "table" then
        core.invalid("missing required field: blocks [json-pointer:/view/blocks]")
    elseif wanted == "modal" and type(view.title) ~= "table" then
        core.invalid("missing required field: title [json-pointer:/view/title]")
    elseif #view.blocks > 100 then
        core.invalid("no more than 100 items allowed [json-pointer:/view/blocks]")
    end
end

-- Keeps a view as it was given; its hash is new with each change.
local function keep(view, given, me)
    local number = state.counter("views")
    for name, value in given do
        view[name] = value
    end
    view.hash = string.format("%d.%s", core.now(), string.sub(wt.crypto.sha256("hash:" .. number), 1, 8))
    view.team_id, view.app_id, view.app_installed_team_id, view.bot_id = world.team_id, world.app_id, world.team_id, me.bot_id
    view.callback_id, view.private_metadata, view.external_id = view.callback_id or "", view.private_metadata or "", view.external_id or ""
    view.clear_on_close, view.notify_on_close = view.clear_on_close or false, view.notify_on_close or false
    view.close, view.submit, view.state = view.close or wt.null, view.submit or wt.null, { values = {} }
    view.previous_view_id, view.root_view_id = view.previous_view_id or wt.null, view.root_view_id or view.id
    for index, block in view.blocks do
        block.block_id = block.block_id or string.sub(wt.crypto.sha256("block:" .. number .. ":" .. index), 1, 5)
    end
    view.blocks = core.list(view.blocks)
    state.put("/views", view.id, view)
    return { view = view }
end

local function show(args, me, root)
    if not args.trigger_id and not args.interactivity_pointer then
        core.invalid("missing required field: trigger_id")
    end
    check(args.view, "modal")
    for _, view in state.list("/views") do
        if args.view.external_id and args.view.external_id ~= "" and view.external_id == args.view.external_id then
            core.fail("duplicate_external_id")
        end
    end
    return keep({ id = core.id("V"), previous_view_id = root and root.id, root_view_id = root and root.root_view_id }, args.view, me)
end

views.open = core.handler(function(args, me)
    return show(args, me)
end)

-- Onto the view that was shown last: the twin has one person's screen.
views.push = core.handler(function(args, me)
    local below
    for _, view in state.list("/views") do
        if view.type == "modal" then below = view end
    end
    return show(args, me, below)
end)

views.update = core.handler(function(args, me)
    check(args.view, "modal")
    local view = args.view_id and state.get("/views", args.view_id)
    for _, one in if args.external_id then state.query("/views", "external_id", args.external_id) else {} do
        view = one
    end
    if not view then
        core.fail("not_found")
    elseif args.hash and args.hash ~= "" and args.hash ~= view.hash then
        core.fail("hash_conflict")
    end
    return keep(view, args.view, me)
end)

views.publish = core.handler(function(args, me)
    local user = world.user(core.need(args, "user_id"))
    if not user then
        core.fail("user_not_found")
    end
    check(args.view, "home")
    local id = core.id("V", "home " .. user.id)
    local view = state.get("/views", id)
    if view and args.hash and args.hash ~= "" and args.hash ~= view.hash then
        core.fail("hash_conflict")
    end
    return keep({ id = id }, args.view, me)
end)

return views

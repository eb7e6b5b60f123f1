-- What tests ask of the twin itself: what was sent, and the codes that nobody gets by phone.
--
-- Source: INTERFACES, the published Twilio twin's extras.

local handlers = {}

local function all(pattern)
    local found = wt.array({})
    for _, item in wt.below(pattern) do
        table.insert(found, item)
    end
    return found
end

function handlers.messages()
    local messages = wt.import("messages")
    local shown = wt.array({})
    for _, message in all("/2010-04-01/Accounts/{}/Messages") do
        local account = { sid = string.match(message.collection, "Accounts/(AC%w+)/") }
        table.insert(shown, messages.show(account, message.fields))
    end
    emit.json(shown)
end

local function verifications()
    local shown = wt.array({})
    for _, one in all("/v2/Services/{}/Verifications") do
        local fields = one.fields
        table.insert(shown, { sid = fields.sid, service_sid = fields.service, to = fields.to, channel = fields.channel, status = fields.status, code = fields.code, created = fields.created })
    end
    return shown
end

function handlers.verifications()
    emit.json(verifications())
end

-- Codes under way by address; `?to=` asks for one.
function handlers.otp(request)
    local codes = {}
    for _, one in verifications() do
        if one.status == "pending" then codes[one.to] = one.code end
    end
    local to = request.query.to or request.query.To
    if not to then
        return emit.json(codes)
    end
    if not codes[to] then
        return emit.error(404, "not_found", "no code is under way to " .. to)
    end
    emit.json({ to = to, code = codes[to] })
end

function handlers.expire(request)
    for _, one in all("/v2/Services/{}/Verifications") do
        if one.fields.sid == request.params.sid then
            one.fields.created -= 600
            state.put(one.collection, one.fields.sid, one.fields)
            return emit.json({ status = "expired", sid = one.fields.sid })
        end
    end
    emit.error(404, "not_found", "there is no verification " .. request.params.sid)
end

return handlers

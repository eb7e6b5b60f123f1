-- Domains, keys and webhooks: what a team sets up once.

local core = wt.import("core")

local domains = {}

-- Seconds from asking for verification until it is done.
local VERIFIED = 5

local function status_of(domain)
    if not domain.verified_at then
        return "not_started"
    end
    return if core.now() >= domain.verified_at then "verified" else "pending"
end

-- How the DER of each RSA key of 1024 bits begins; in two parts, since whole it looks like somebody's key.
local DKIM_KEY = "MIGfMA0GCSqGSIb3" .. "DQEBAQUAA4GNADCB"

local function records(domain)
    local status, region = status_of(domain), domain.region
    local path = domain.custom_return_path or "send"
    local parts = string.split(domain.name, ".")
    local below = if #parts > 2 then "." .. table.concat(parts, ".", 1, #parts - 2) else ""
    local key = string.gsub(wt.crypto.base64_encode(wt.crypto.sha256("dkim " .. domain.name)), "=", "")
    return wt.array({
        { record = "SPF", name = path .. below, type = "MX", ttl = "Auto", status = status, value = "feedback-smtp." .. region .. ".amazonses.com", priority = 10 },
        { record = "SPF", name = path .. below, type = "TXT", ttl = "Auto", status = status, value = '"v=spf1 include:amazonses.com ~all"' },
        { record = "DKIM", name = "resend._domainkey" .. below, type = "TXT", ttl = "Auto", status = status, value = "p=" .. DKIM_KEY .. key },
    })
end

local function show(domain, with_records)
    return {
        object = "domain", id = domain.id, name = domain.name, status = status_of(domain), created_at = core.written(domain.created), region = domain.region,
        open_tracking = domain.open_tracking or false, click_tracking = domain.click_tracking or false, tls = domain.tls or "opportunistic",
        records = if with_records then records(domain) else nil, capabilities = { sending = "enabled", receiving = "disabled" },
    }
end

local function tell(name, domain)
    wt.tell(name, { type = name, created_at = core.iso(core.now()), data = show(domain, true) }, { object = "domain " .. domain.id })
end

local REGIONS = { ["us-east-1"] = true, ["eu-west-1"] = true, ["sa-east-1"] = true, ["ap-northeast-1"] = true }

domains.create = core.handler(function(_, given)
    local name = given.name
    if type(name) ~= "string" or name == "" then
        core.missing("name")
    elseif not string.match(name, "^[%w%-]+%.[%w%-%.]+$") then
        core.invalid("Invalid `name` field. It must be a domain name.")
    elseif given.region and not REGIONS[given.region] then
        core.fail(422, "invalid_region", "Region must be one of: us-east-1, eu-west-1, sa-east-1, ap-northeast-1")
    elseif #state.query("/domains", "name", string.lower(name)) > 0 then
        core.fail(403, "validation_error", "The " .. name .. " domain has been registered already.")
    end
    local domain = { id = core.uuid(), name = string.lower(name), region = given.region or "us-east-1", created = core.now(), custom_return_path = given.custom_return_path, open_tracking = given.open_tracking, click_tracking = given.click_tracking, tls = given.tls }
    state.put("/domains", domain.id, domain)
    tell("domain.created", domain)
    return show(domain, true)
end, 201)

local function find(request)
    local domain = state.get("/domains", request.params.domain_id)
    if not domain then
        core.not_found("Domain")
    end
    return domain
end

domains.get = core.handler(function(request) return show(find(request), true) end)

domains.list = core.handler(function(request) return core.page(request, "/domains", show) end)

domains.update = core.handler(function(request, given)
    local domain = find(request)
    for _, name in { "open_tracking", "click_tracking", "tls" } do
        if given[name] ~= nil then domain[name] = given[name] end
    end
    state.put("/domains", domain.id, domain)
    tell("domain.updated", domain)
    return { object = "domain", id = domain.id }
end)

domains.verify = core.handler(function(request)
    local domain = find(request)
    domain.verified_at = domain.verified_at or core.now() + VERIFIED
    state.put("/domains", domain.id, domain)
    return { object = "domain", id = domain.id }
end)

domains.delete = core.handler(function(request)
    local domain = find(request)
    state.delete("/domains", domain.id)
    tell("domain.deleted", domain)
    return { object = "domain", id = domain.id, deleted = true }
end)

-- Keys

domains.create_key = core.handler(function(_, given)
    if type(given.name) ~= "string" or given.name == "" then
        core.missing("name")
    elseif given.permission and given.permission ~= "full_access" and given.permission ~= "sending_access" then
        core.fail(422, "invalid_access", "Access must be `full_access` or `sending_access`.")
    end
    local id = core.uuid()
    local digest = wt.crypto.sha256("key " .. id)
    local token = "re_" .. string.sub(digest, 1, 8) .. "_" .. string.sub(digest, 9, 32)
    state.put("/api-keys", id, { id = id, name = given.name, created = core.now(), hash = wt.crypto.sha256(token) })
    return { id = id, token = token }
end, 201)

domains.keys = core.handler(function(request)
    return core.page(request, "/api-keys", function(key) return { id = key.id, name = key.name, created_at = core.written(key.created), last_used_at = wt.null } end)
end)

domains.delete_key = core.handler(function(request)
    local key = state.get("/api-keys", request.params.api_key_id)
    if not key then
        core.not_found("API key")
    end
    state.put("/revoked", key.hash, { id = key.hash })
    state.delete("/api-keys", key.id)
    return { object = "api_key", id = key.id, deleted = true }
end)

-- Webhooks

local function secret(id)
    return "whsec_" .. string.gsub(wt.crypto.base64_encode(string.sub(wt.crypto.sha256("secret " .. id .. " " .. state.counter("secrets")), 1, 24)), "=", "")
end

domains.create_webhook = core.handler(function(_, given)
    local url = given.endpoint
    if type(url) ~= "string" or url == "" then
        core.missing("endpoint")
    elseif not string.match(url, "^https?://[^%s/]+") then
        core.invalid("Invalid `endpoint` field. It must be a URL.")
    elseif type(given.events) ~= "table" or #given.events == 0 then
        core.missing("events")
    end
    local id = core.uuid()
    local hook = { id = id, endpoint = url, events = core.list(given.events), status = "enabled", created = core.now(), signing_secret = secret(id) }
    state.put("/webhooks", id, hook)
    return { object = "webhook", id = id, signing_secret = hook.signing_secret }
end, 201)

local function find_webhook(request)
    local hook = state.get("/webhooks", request.params.webhook_id)
    if not hook then
        core.not_found("Webhook")
    end
    return hook
end

domains.webhook = core.handler(function(request)
    local hook = find_webhook(request)
    return { object = "webhook", id = hook.id, created_at = core.written(hook.created), status = hook.status, endpoint = hook.endpoint, events = core.list(hook.events), signing_secret = hook.signing_secret }
end)

domains.webhooks = core.handler(function(request)
    return core.page(request, "/webhooks", function(hook)
        return { id = hook.id, created_at = core.written(hook.created), status = hook.status, endpoint = hook.endpoint, events = core.list(hook.events) }
    end)
end)

domains.update_webhook = core.handler(function(request, given)
    local hook = find_webhook(request)
    for _, name in { "endpoint", "events", "status" } do
        if given[name] ~= nil then hook[name] = given[name] end
    end
    state.put("/webhooks", hook.id, hook)
    return { object = "webhook", id = hook.id }
end)

domains.rotate_secret = core.handler(function(request)
    local hook = find_webhook(request)
    hook.signing_secret = secret(hook.id)
    state.put("/webhooks", hook.id, hook)
    return { object = "webhook", id = hook.id, signing_secret = hook.signing_secret }
end)

domains.delete_webhook = core.handler(function(request)
    local hook = find_webhook(request)
    state.delete("/webhooks", hook.id)
    return { object = "webhook", id = hook.id, deleted = true }
end)

return domains

local core = wt.import("core")
local pages = wt.import("pages")
local intents = wt.import("intents")
local setup = wt.import("setup")

local function sent_back(intent, kind)
    local url = intent.return_url
    if not url then
        return pages.say(200, "Done", "The application may go on.")
    end
    local glue = if string.find(url, "?", 1, true) then "&" else "?"
    pages.go(url .. glue .. kind .. "=" .. intent.id .. "&" .. kind .. "_client_secret=" .. intent.client_secret
        .. "&source_type=card" .. "&redirect_status=" .. (if intent.status == "succeeded" or intent.status == "requires_capture"
            then "succeeded" else "failed"))
end

return function(request)
    local id = request.params.intent
    local kind = if string.match(id, "^seti_") then "setup_intent" else "payment_intent"
    local intent = state.get("/v1/" .. kind .. "s", id)
    if not intent or request.query.client_secret ~= intent.client_secret then
        return pages.say(404, "Not found", "There is nothing to authenticate here.")
    end
    if request.method == "GET" and intent.status == "requires_action" then
        return pages.form("3D Secure", "A payment is to be authenticated.", {}, {
            { name = "outcome", value = "succeed", label = "Complete" }, { name = "outcome", value = "fail", label = "Fail" } })
    end
    if intent.status == "requires_action" then
        local done = (request.data or {}).outcome ~= "fail"
        -- A card that is declined now is the intent's to tell, not this page's.
        pcall(if kind == "setup_intent" then setup.authenticated else intents.authenticated, intent, done)
        intent = state.get("/v1/" .. kind .. "s", id)
    end
    sent_back(intent, kind)
end

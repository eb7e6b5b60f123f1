-- Webhooks: what is sent to the hooks of a repository and of its organisation.

local core = wt.import("core")
local people = wt.import("people")
local repos = wt.import("repos")

-- Tells `issues.opened` or so; the payload gains its action, repository and sender.
return function(request, repo, me, name, payload)
    local action = string.match(name, "%.(.+)$")
    payload.action = action
    payload.repository = repos.in_event(request, repo)
    payload.sender = people.simple(request, me.login)
    local owner = core.user(repo.owner)
    if owner and owner.type == "Organization" then
        payload.organization = { login = owner.login, id = owner.id, node_id = core.node("Organization", owner.id), url = core.api(request) .. "/orgs/" .. owner.login }
    end
    wt.tell(name, payload, { params = { owner = repo.owner, repo = repo.name, org = repo.owner }, object = "repository " .. repo.id })
end

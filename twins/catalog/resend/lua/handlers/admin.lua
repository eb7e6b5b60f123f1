-- What tests ask of the twin itself: the mail that nobody gets.
--
-- Source: INTERFACES, the published Resend twin's extra.

local mail = wt.import("mail")

local handlers = {}

function handlers.emails()
    local shown = wt.array({})
    for _, email in state.list("/emails") do
        table.insert(shown, mail.show(email))
    end
    emit.json(shown)
end

return handlers

-- Pages a customer sees, in the place of those Stripe shows.

local pages = {}

local function escaped(text)
    return (string.gsub(tostring(text), '[&<>"]', { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }))
end

-- A page with a form: its fields as { name, value, label }, its buttons as { name, value, label }.
function pages.form(title, text, fields, buttons)
    local parts = { "<!doctype html><meta charset=utf-8><title>", escaped(title), "</title><h1>", escaped(title), "</h1><p>", escaped(text),
        "</p><form method=post>" }
    for _, field in fields do
        table.insert(parts, '<label>' .. escaped(field.label) .. ' <input name="' .. escaped(field.name) .. '" value="' .. escaped(field.value)
            .. '"></label><br>')
    end
    for _, button in buttons do
        table.insert(parts, '<button name="' .. escaped(button.name) .. '" value="' .. escaped(button.value) .. '">' .. escaped(button.label)
            .. "</button> ")
    end
    table.insert(parts, "</form>")
    emit.header("content-type", "text/html; charset=utf-8")
    emit.body(table.concat(parts))
end

function pages.say(status, title, text)
    emit.status(status)
    pages.form(title, text, {}, {})
end

function pages.go(url)
    emit.status(303)
    emit.header("location", url)
    emit.body("")
end

return pages

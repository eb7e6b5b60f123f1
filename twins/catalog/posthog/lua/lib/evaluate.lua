-- Whether a flag is on for somebody, as PostHog works it out.
--
-- Source: the evaluation of PostHog's own clients (`posthog.feature_flags`), which give the server's results.

local evaluate = {}

local WHOLE = 0xFFFFFFFFFFFFFFF

-- A number from 0 to 1, the same for a flag and somebody each time.
function evaluate.share(key, somebody, salt)
    local digest = wt.crypto.sha1(key .. "." .. somebody .. (salt or ""))
    return tonumber(string.sub(digest, 1, 15), 16) / WHOLE
end

local function text(value)
    return if type(value) == "boolean" then (if value then "true" else "false") else string.lower(tostring(value))
end

local function equals(value, wanted)
    for _, one in if type(wanted) == "table" then wanted else { wanted } do
        if text(one) == text(value) then return true end
    end
    return false
end

local function compared(value, wanted)
    local a, b = tonumber(value), tonumber(wanted)
    if a and b then return a, b end
    return tostring(value), tostring(wanted)
end

-- Whether a property of somebody is as a condition wants it; regular expressions never are.
local function fits(property, properties)
    local operator, value, wanted = property.operator or "exact", properties[property.key], property.value
    if operator == "is_set" then return value ~= nil
    elseif operator == "is_not_set" then return value == nil
    elseif value == nil then return operator == "is_not" or operator == "not_icontains"
    elseif operator == "exact" then return equals(value, wanted)
    elseif operator == "is_not" then return not equals(value, wanted)
    elseif operator == "icontains" then return string.find(text(value), text(wanted), 1, true) ~= nil
    elseif operator == "not_icontains" then return string.find(text(value), text(wanted), 1, true) == nil end
    local a, b = compared(value, wanted)
    if operator == "gt" then return a > b
    elseif operator == "gte" then return a >= b
    elseif operator == "lt" then return a < b
    elseif operator == "lte" then return a <= b
    elseif operator == "is_date_before" or operator == "is_date_after" then
        local at, bound = wt.time.parse(tostring(value)), wt.time.parse(tostring(wanted))
        return at ~= nil and bound ~= nil and (if operator == "is_date_before" then at < bound else at > bound)
    end
    return false
end

local function variant_of(flag, somebody)
    local share, from = evaluate.share(flag.key, somebody, "variant"), 0
    for _, variant in (flag.filters.multivariate or {}).variants or {} do
        local to = from + variant.rollout_percentage / 100
        if share >= from and share < to then return variant.key end
        from = to
    end
    return nil
end

-- Whether it is on, its variant, and why: the code and the number of the condition.
function evaluate.flag(flag, somebody, properties, groups, group_properties, kinds)
    flag.filters = flag.filters or {}
    if not flag.active then
        return false, nil, "no_condition_match", nil
    end
    local kind = flag.filters.aggregation_group_type_index
    if kind ~= nil then
        local name = kinds[tostring(kind)]
        somebody = name and groups[name]
        if not somebody then
            return false, nil, "no_group_type", nil
        end
        properties = group_properties[name] or {}
    end
    local out_of_bound
    for index, condition in flag.filters.groups or {} do
        local matches = true
        for _, property in condition.properties or {} do
            matches = matches and fits(property, properties)
        end
        if matches then
            local percentage = condition.rollout_percentage
            if percentage == nil or evaluate.share(flag.key, somebody) <= percentage / 100 then
                local own = condition.variant
                for _, variant in (flag.filters.multivariate or {}).variants or {} do
                    if own == variant.key then return true, own, "condition_match", index - 1 end
                end
                return true, variant_of(flag, somebody), "condition_match", index - 1
            end
            out_of_bound = out_of_bound or index - 1
        end
    end
    return false, nil, if out_of_bound then "out_of_rollout_bound" else "no_condition_match", out_of_bound
end

return evaluate

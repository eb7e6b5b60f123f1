-- Disputes: evidence, and how they end.

local core = wt.import("core")
local pay = wt.import("pay")
local disputes = {}

local OPEN = { "needs_response", "warning_needs_response" }

local function require_open(dispute)
    if not core.has(OPEN, dispute.status) then
        core.invalid("This dispute is already closed", nil, "dispute_closed")
    end
end

local function is_inquiry(dispute) return string.match(dispute.status, "^warning") ~= nil end

local function ended(dispute, status)
    local charge = core.peek("charge", dispute.charge)
    if status == "won" then
        local back = pay.book({ amount = dispute.amount, currency = dispute.currency, fee = -1500, source = dispute.id, type = "adjustment",
            reporting_category = "dispute_reversal", description = "Chargeback reversal for " .. dispute.charge }, true)
        table.insert(dispute.balance_transactions, wt.show(core.places.balance_transaction, back.id))
    end
    dispute.status, dispute.told = status, status
    if charge then
        core.keep("charge", charge)
    end
end

-- Takes evidence and hands it in unless the request says not to. What the evidence says decides the case.
-- Source: Stripe's public documentation, "Testing", "Evidence".
function disputes.answer(dispute, given)
    core.metadata(dispute, given.metadata)
    if given.evidence then
        require_open(dispute)
        local kept = dispute.evidence or {}
        for name, value in given.evidence do
            kept[name] = if value == "" then wt.null else value
        end
        dispute.evidence = kept
        dispute.evidence_details.has_evidence = true
    end
    if given.evidence and given.submit ~= false then
        dispute.evidence_details.submission_count += 1
        local text = dispute.evidence.uncategorized_text
        if text == "winning_evidence" then
            ended(dispute, if is_inquiry(dispute) then "warning_closed" else "won")
        elseif text == "losing_evidence" then
            ended(dispute, "lost")
        else
            dispute.status = if is_inquiry(dispute) then "warning_under_review" else "under_review"
            dispute.told = dispute.status
        end
    end
    core.keep("dispute", dispute)
end

function disputes.close(dispute)
    require_open(dispute)
    ended(dispute, if is_inquiry(dispute) then "warning_closed" else "lost")
    core.keep("dispute", dispute)
end

return disputes

-- Calls in order of time, with what their answers say of limits.
-- In: routed, sampled_callers(caller). Out: seen_at, latency_us, caller, route, status, body,
-- limits, limits_remaining, limits_reset_ms, retry_after_ms.
SELECT r.seen_at, r.latency_us, r.caller, r.route, r.status, r.body,
       r.limits, r.limits_remaining, r.limits_reset_ms, r.retry_after_ms
FROM routed r
JOIN sampled_callers c ON r.caller = c.caller
WHERE r.event = ''
ORDER BY r.seen_at
LIMIT 400000

-- Calls in order of time, with what their answers say of limits.
-- In: exchanges, templates(path, route), sampled_callers(caller). Out: seen_at, latency_us, caller,
-- route, status, body, limits, limits_remaining, limits_reset_ms, retry_after_ms.
SELECT e.seen_at, e.latency_us, e.caller,
       COALESCE(arrow_cast(e.route, 'Utf8'), t.route, '') AS route,
       e.status, arrow_cast(e.body, 'Utf8') AS body,
       e.limits, e.limits_remaining, e.limits_reset_ms, e.retry_after_ms
FROM sampled_callers c
JOIN exchanges e ON e.caller = c.caller
LEFT JOIN templates t ON arrow_cast(e.path, 'Utf8') = t.path
WHERE e.event IS NULL
ORDER BY e.seen_at
LIMIT 400000

-- Attempts to deliver webhooks, in order of time within a delivery.
-- In: deliveries. Out: seen_at, endpoint, delivery, object,
-- happened_at, sent_at, attempt, status, latency_us, scheme, header, verdict.
SELECT seen_at, endpoint, delivery, object, happened_at, sent_at, attempt, status, latency_us,
       COALESCE(scheme, '') AS scheme, COALESCE(header, '') AS header, verdict
FROM deliveries
ORDER BY endpoint, delivery, seen_at
LIMIT 400000

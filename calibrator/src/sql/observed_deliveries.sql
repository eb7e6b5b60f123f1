-- Attempts to deliver webhooks, in order of time within a delivery. Where there are too many, forged
-- ones are left out first: anybody can send them, and they are to push nothing else out.
-- In: deliveries. Out: seen_at, endpoint, delivery, object,
-- happened_at, sent_at, attempt, status, latency_us, scheme, header, verdict.
SELECT seen_at, endpoint, delivery, object, happened_at, sent_at, attempt, status, latency_us,
       COALESCE(scheme, '') AS scheme, COALESCE(header, '') AS header, verdict
FROM (SELECT * FROM deliveries ORDER BY verdict IN ('invalid', 'unknown'), endpoint, delivery, seen_at LIMIT 400000)
ORDER BY endpoint, delivery, seen_at

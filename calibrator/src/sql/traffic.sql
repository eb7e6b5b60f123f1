-- The traffic of a window in equal parts; deliveries of webhooks are no calls.
-- $1: the window's first microsecond. $2: its last. $3: microseconds a part.
-- in:  exchanges(seen_at, status, event)
-- out: part (0 is the window's first), calls, refused (answered 429); parts without calls are absent
SELECT
  (arrow_cast(seen_at, 'Int64') - $1) / $3 AS part,
  COUNT(*) AS calls,
  SUM(CASE WHEN status = 429 THEN 1 ELSE 0 END) AS refused
FROM exchanges
WHERE event IS NULL AND arrow_cast(seen_at, 'Int64') BETWEEN $1 AND $2
GROUP BY part

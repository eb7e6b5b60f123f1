-- How often each route answered how, and who asked.
-- In: routed; $1 to $4 are the times at which the window's tails begin.
-- Out: route, event, status, body, response_media, part (how many tails it is in), n, first_seen,
-- last_seen, callers.
SELECT
    route,
    event,
    status,
    body,
    COALESCE(response_media, '') AS response_media,
    CASE WHEN seen_at < $1 THEN 0 WHEN seen_at < $2 THEN 1 WHEN seen_at < $3 THEN 2
         WHEN seen_at < $4 THEN 3 ELSE 4 END AS part,
    COUNT(*) AS n,
    MIN(seen_at) AS first_seen,
    MAX(seen_at) AS last_seen,
    COUNT(DISTINCT caller) AS callers
FROM routed
WHERE route <> '' OR event <> ''
GROUP BY route, event, status, body, COALESCE(response_media, ''), part

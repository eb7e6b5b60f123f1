-- How often each route answered how, and who asked.
-- Out: route, event, status, body, response_media, n, first_seen, last_seen, callers, entities.
SELECT
    route,
    event,
    status,
    body,
    COALESCE(response_media, '') AS response_media,
    COUNT(*) AS n,
    MIN(seen_at) AS first_seen,
    MAX(seen_at) AS last_seen,
    COUNT(DISTINCT caller) AS callers
FROM routed
WHERE route <> '' OR event <> ''
GROUP BY route, event, status, body, COALESCE(response_media, '')

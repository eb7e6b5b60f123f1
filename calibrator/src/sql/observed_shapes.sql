-- Exchanges by object shape, on each surface. A refused request says nothing of what is accepted.
-- In: routed, accepted; $1 to $4 are the times at which the window's tails begin.
-- Out: surface, route, event, status, shape, held (of the held-back tenth of entities), part (how
-- many tails it is in), n, first_seen, last_seen, callers.
SELECT surface, route, event, status, shape, held, part, COUNT(*) AS n,
       MIN(seen_at) AS first_seen, MAX(seen_at) AS last_seen, COUNT(DISTINCT caller) AS callers
FROM (
    SELECT surface, route, event, status, held, seen_at, caller, unnest(shapes) AS shape,
           CASE WHEN seen_at < $1 THEN 0 WHEN seen_at < $2 THEN 1 WHEN seen_at < $3 THEN 2
                WHEN seen_at < $4 THEN 3 ELSE 4 END AS part
    FROM (
        SELECT CASE WHEN event = '' THEN 'response' ELSE 'webhook' END AS surface, route, event,
               CASE WHEN event = '' THEN status ELSE arrow_cast(0, 'UInt16') END AS status,
               entity % 10 = 0 AS held, seen_at, caller, response AS shapes
        FROM routed
        WHERE body = 'ok' AND (route <> '' OR event <> '')
        UNION ALL
        SELECT 'request' AS surface, route, event, arrow_cast(0, 'UInt16') AS status,
               entity % 10 = 0 AS held, seen_at, caller, request AS shapes
        FROM accepted
    )
)
GROUP BY surface, route, event, status, shape, held, part

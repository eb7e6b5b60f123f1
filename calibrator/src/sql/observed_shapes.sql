-- Exchanges by object shape, on each surface. A refused request says nothing of what is accepted.
-- In: routed, accepted. Out: home, is_request, status, shape, held (of the held-back tenth of
-- entities), cell, n, first_seen, last_seen.
SELECT home, is_request, status, shape, held, cell, COUNT(*) AS n,
       MIN(seen_at) AS first_seen, MAX(seen_at) AS last_seen
FROM (
    SELECT home, is_request, status, entity % 10 = 0 AS held, cell, seen_at, unnest(shapes) AS shape
    FROM (
        SELECT home, false AS is_request, status, entity, cell, seen_at, response AS shapes
        FROM routed
        WHERE body = 'ok' AND home <> 0
        UNION ALL
        SELECT home, true AS is_request, status, entity, cell, seen_at, request AS shapes
        FROM accepted
    )
)
GROUP BY home, is_request, status, shape, held, cell

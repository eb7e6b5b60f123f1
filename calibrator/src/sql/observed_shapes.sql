-- Exchanges by object shape, on each surface. A refused request says nothing of what is accepted.
-- In: routed, accepted. Out: surface, route, path, event, status, shape, held (of the held-back tenth
-- of entities), cell, n, first_seen, last_seen.
SELECT surface, route, path, event, status, shape, held, cell, COUNT(*) AS n,
       MIN(seen_at) AS first_seen, MAX(seen_at) AS last_seen
FROM (
    SELECT surface, route, path, event, status, entity % 10 = 0 AS held, cell, seen_at,
           unnest(shapes) AS shape
    FROM (
        SELECT surface, route, path, event, status, entity, cell, seen_at, response AS shapes
        FROM routed
        WHERE body = 'ok' AND (route <> '' OR path <> '' OR event <> '')
        UNION ALL
        SELECT 'request' AS surface, route, path, event, status, entity, cell, seen_at,
               request AS shapes
        FROM accepted
    )
)
GROUP BY surface, route, path, event, status, shape, held, cell

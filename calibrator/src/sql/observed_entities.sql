-- How entities agree with themselves: polls of sampled entities by object shape.
-- In: routed, accepted, samples(route, path, event, status, below): entities whose pseudonym is below
-- stand for all.
-- Out: surface, route, path, event, status, entity, shape, n.
SELECT surface, route, path, event, status, entity, shape, COUNT(*) AS n
FROM (
    SELECT surface, route, path, event, status, entity, unnest(shapes) AS shape
    FROM (
        SELECT r.surface, r.route, r.path, r.event, r.status, r.entity, r.response AS shapes
        FROM routed r
        JOIN samples s
          ON r.route = s.route AND r.path = s.path AND r.event = s.event AND r.status = s.status
        WHERE r.entity < s.below AND r.body = 'ok'
        UNION ALL
        SELECT 'request' AS surface, r.route, r.path, r.event, r.status, r.entity, r.request AS shapes
        FROM accepted r
        JOIN samples s
          ON r.route = s.route AND r.path = s.path AND r.event = s.event AND r.status = s.status
        WHERE r.entity < s.below
    )
)
GROUP BY surface, route, path, event, status, entity, shape

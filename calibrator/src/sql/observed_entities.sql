-- How entities agree with themselves: polls of sampled entities by object shape.
-- In: routed, accepted, samples(route, event, status, below): entities whose pseudonym is below
-- stand for all.
-- Out: surface, route, event, status, entity, shape, n.
SELECT surface, route, event, status, entity, shape, COUNT(*) AS n
FROM (
    SELECT surface, route, event, status, entity, unnest(shapes) AS shape
    FROM (
        SELECT CASE WHEN r.event = '' THEN 'response' ELSE 'webhook' END AS surface, r.route, r.event,
               CASE WHEN r.event = '' THEN r.status ELSE arrow_cast(0, 'UInt16') END AS status,
               r.entity, r.response AS shapes
        FROM routed r
        JOIN samples s ON r.route = s.route AND r.event = s.event AND r.status = s.status
        WHERE r.entity < s.below AND r.body = 'ok'
        UNION ALL
        SELECT 'request' AS surface, r.route, r.event, arrow_cast(0, 'UInt16') AS status,
               r.entity, r.request AS shapes
        FROM accepted r
        JOIN samples s ON r.route = s.route AND r.event = s.event AND r.status = s.status
        WHERE r.entity < s.below
    )
)
GROUP BY surface, route, event, status, entity, shape

-- How entities agree with themselves: polls of sampled entities by object shape.
-- In: routed, accepted, samples(home, status, below): entities whose pseudonym is below stand for all.
-- Out: home, is_request, status, entity, shape, n.
SELECT home, is_request, status, entity, shape, COUNT(*) AS n
FROM (
    SELECT home, is_request, status, entity, unnest(shapes) AS shape
    FROM (
        SELECT r.home, false AS is_request, r.status, r.entity, r.response AS shapes
        FROM samples s
        JOIN routed r ON r.home = s.home AND r.status = s.status
        WHERE r.entity < s.below AND r.body = 'ok'
        UNION ALL
        SELECT r.home, true AS is_request, r.status, r.entity, r.request AS shapes
        FROM samples s
        JOIN accepted r ON r.home = s.home AND r.status = s.status
        WHERE r.entity < s.below
    )
)
GROUP BY home, is_request, status, entity, shape

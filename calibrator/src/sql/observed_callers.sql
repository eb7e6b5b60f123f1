-- What each caller was shown: polls of the callers told apart, by object shape.
-- In: routed, accepted, told_apart(caller).
-- Out: surface, route, path, event, status, caller, shape (0 stands for any answer), n, first_seen,
-- last_seen.
SELECT surface, route, path, event, status, caller, shape, COUNT(*) AS n,
       MIN(seen_at) AS first_seen, MAX(seen_at) AS last_seen
FROM (
    SELECT surface, route, path, event, status, caller, seen_at, unnest(shapes) AS shape
    FROM (
        SELECT r.surface, r.route, r.path, r.event, r.status, r.caller, r.seen_at, r.response AS shapes
        FROM routed r
        JOIN told_apart t ON r.caller = t.caller
        WHERE r.body = 'ok'
        UNION ALL
        SELECT 'request' AS surface, r.route, r.path, r.event, r.status, r.caller, r.seen_at,
               r.request AS shapes
        FROM accepted r
        JOIN told_apart t ON r.caller = t.caller
    )
    UNION ALL
    SELECT r.surface, r.route, r.path, r.event, r.status, r.caller, r.seen_at,
           arrow_cast(0, 'UInt64') AS shape
    FROM routed r
    JOIN told_apart t ON r.caller = t.caller
)
GROUP BY surface, route, path, event, status, caller, shape

-- What each caller was shown: polls of the callers told apart, by object shape.
-- In: routed, accepted, told_apart(caller).
-- Out: home, is_request, status, caller, shape (0 stands for any answer), n, first_seen, last_seen.
SELECT home, is_request, status, caller, shape, COUNT(*) AS n,
       MIN(seen_at) AS first_seen, MAX(seen_at) AS last_seen
FROM (
    SELECT home, is_request, status, caller, seen_at, unnest(shapes) AS shape
    FROM (
        SELECT r.home, false AS is_request, r.status, r.caller, r.seen_at, r.response AS shapes
        FROM told_apart t
        JOIN routed r ON r.caller = t.caller
        WHERE r.body = 'ok'
        UNION ALL
        SELECT r.home, true AS is_request, r.status, r.caller, r.seen_at, r.request AS shapes
        FROM told_apart t
        JOIN accepted r ON r.caller = t.caller
    )
    UNION ALL
    SELECT r.home, false AS is_request, r.status, r.caller, r.seen_at,
           arrow_cast(0, 'UInt64') AS shape
    FROM told_apart t
    JOIN routed r ON r.caller = t.caller
)
GROUP BY home, is_request, status, caller, shape

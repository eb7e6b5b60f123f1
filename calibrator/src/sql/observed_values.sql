-- Tokens of each field over the window's segments. A field found open in one is open.
-- Out: surface, route, status, event, path, token, pseudonym, n, witnesses (distinct
-- entities in one segment, up to eight), first_seen, last_seen, open.
SELECT
    v.surface,
    COALESCE(t.route, v.route, '') AS route,
    COALESCE(v.status, 0) AS status,
    COALESCE(v.event, '') AS event,
    v.path,
    MAX(v.token) AS token,
    v.pseudonym,
    SUM(v.count) AS n,
    MAX(v.witnesses) AS witnesses,
    MIN(v.first_seen) AS first_seen,
    MAX(v.last_seen) AS last_seen,
    v.pseudonym IS NULL AS open
FROM "values" v
LEFT JOIN skeletons t ON v.route = t.skeleton
GROUP BY v.surface, COALESCE(t.route, v.route, ''), COALESCE(v.status, 0), COALESCE(v.event, ''),
         v.path, v.pseudonym

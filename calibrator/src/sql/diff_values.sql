-- Values the model does not list, and listed ones that evidence of before had and now has not.
-- In: model_values(place, path, token), observed_values(…, n), baseline_values(…, n).
-- Out: the key, token, known (to the model), n now, before.
SELECT
    COALESCE(m.surface, o.surface) AS surface,
    COALESCE(m.route, o.route) AS route,
    COALESCE(m.status, o.status) AS status,
    COALESCE(m.event, o.event) AS event,
    COALESCE(m.path, o.path) AS path,
    COALESCE(m.token, o.token) AS token,
    m.token IS NOT NULL AS known,
    COALESCE(o.n, 0) AS n,
    COALESCE(b.n, 0) AS before
FROM model_values m
FULL OUTER JOIN observed_values o
    ON m.surface = o.surface AND m.route = o.route AND m.status = o.status AND m.event = o.event
   AND m.path = o.path AND m.token = o.token
LEFT JOIN baseline_values b
    ON b.surface = COALESCE(m.surface, o.surface) AND b.route = COALESCE(m.route, o.route)
   AND b.status = COALESCE(m.status, o.status) AND b.event = COALESCE(m.event, o.event)
   AND b.path = COALESCE(m.path, o.path) AND b.token = COALESCE(m.token, o.token)
WHERE m.token IS NULL OR (o.token IS NULL AND b.n > 0)
ORDER BY 2, 1, 3, 4, 5, 6

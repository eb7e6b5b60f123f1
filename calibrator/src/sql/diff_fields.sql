-- Where bodies are not what the model says, and where evidence of before differs from now.
-- In: model_fields, observed_fields, baseline_fields, all keyed by (surface, route, status, event,
-- object, key) with '' and 0 for what does not apply; `of` bodies have the object, `absent` of them
-- lack the field somewhere, `classes` is a bit a class.
-- Out: the key, and of the three sides what decides; a side that is not there is null.
SELECT
    COALESCE(m.surface, o.surface) AS surface,
    COALESCE(m.route, o.route) AS route,
    COALESCE(m.status, o.status) AS status,
    COALESCE(m.event, o.event) AS event,
    COALESCE(m.object, o.object) AS object,
    COALESCE(m.key, o.key) AS key,
    m.key IS NOT NULL AS known,
    COALESCE(m.classes, 0) AS model_classes,
    COALESCE(m.required, false) AS required,
    COALESCE(o.of, m.of) AS of,
    COALESCE(o.n, 0) AS n,
    COALESCE(o.absent, m.of) AS absent,
    COALESCE(o.classes, 0) AS classes
FROM model_fields m
FULL OUTER JOIN observed_fields o
    ON m.surface = o.surface AND m.route = o.route AND m.status = o.status AND m.event = o.event
   AND m.object = o.object AND m.key = o.key
LEFT JOIN baseline_fields b
    ON b.surface = COALESCE(m.surface, o.surface) AND b.route = COALESCE(m.route, o.route)
   AND b.status = COALESCE(m.status, o.status) AND b.event = COALESCE(m.event, o.event)
   AND b.object = COALESCE(m.object, o.object) AND b.key = COALESCE(m.key, o.key)
WHERE m.key IS NULL
   OR (o.classes & m.classes) <> o.classes
   OR (m.required AND COALESCE(o.absent, m.of) > 0)
   OR (b.n > 0 AND o.n IS NULL)
   OR (b.absent > 0 AND o.absent = 0)
   OR (b.classes & COALESCE(o.classes, 0)) <> b.classes
ORDER BY 2, 1, 3, 4, 5, 6

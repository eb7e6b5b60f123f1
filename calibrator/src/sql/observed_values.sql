-- Tokens of each field by segment. A field found open in one has a row without pseudonym.
-- Out: surface, route (or the path without pseudonyms), status, event, path, token, pseudonym, n,
-- entities (up to eight that showed it), first_seen, last_seen.
SELECT
    v.surface,
    COALESCE(v.route, '') AS route,
    COALESCE(v.status, 0) AS status,
    COALESCE(v.event, '') AS event,
    v.path,
    v.token,
    v.pseudonym,
    v.count AS n,
    v.entities,
    v.first_seen,
    v.last_seen
FROM "values" v

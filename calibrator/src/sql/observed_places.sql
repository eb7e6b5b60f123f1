-- How often each route answered how, and when.
-- In: routed. Out: home, is_request (never), status, body, response_media, cell, n, first_seen,
-- last_seen.
SELECT home, false AS is_request, status, body, COALESCE(response_media, '') AS response_media,
       cell, COUNT(*) AS n, MIN(seen_at) AS first_seen, MAX(seen_at) AS last_seen
FROM routed
GROUP BY home, status, body, COALESCE(response_media, ''), cell

-- Media types of accepted requests. Out: route, media, n.
SELECT route, request_media AS media, COUNT(*) AS n
FROM routed
WHERE route <> '' AND request_media IS NOT NULL AND status BETWEEN 200 AND 399
GROUP BY route, request_media

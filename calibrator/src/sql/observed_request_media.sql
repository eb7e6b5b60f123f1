-- Media types of accepted requests. Out: route, path, media, n.
SELECT route, path, request_media AS media, COUNT(*) AS n
FROM routed
WHERE (route <> '' OR path <> '') AND request_media IS NOT NULL AND status BETWEEN 200 AND 399
GROUP BY route, path, request_media

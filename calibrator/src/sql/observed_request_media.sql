-- Media types of accepted requests. In: accepted. Out: home, media, n.
SELECT home, request_media AS media, COUNT(*) AS n
FROM accepted
WHERE request_media IS NOT NULL
GROUP BY home, request_media

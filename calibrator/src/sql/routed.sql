-- The window's exchanges, each at its route: the model's, or the template inferred for its path.
-- In: exchanges, templates(path, route), bounds in microseconds. Out: the view `routed`.
CREATE VIEW routed AS
SELECT
    e.seen_at,
    COALESCE(arrow_cast(e.route, 'Utf8'), t.route, '') AS route,
    COALESCE(arrow_cast(e.event, 'Utf8'), '') AS event,
    e.status,
    e.latency_us,
    e.caller,
    e.entity,
    arrow_cast(e.api_version, 'Utf8') AS api_version,
    arrow_cast(e.request_media, 'Utf8') AS request_media,
    arrow_cast(e.response_media, 'Utf8') AS response_media,
    arrow_cast(e.body, 'Utf8') AS body,
    e.request,
    e.response,
    e.limits,
    e.limits_remaining,
    e.limits_reset_ms,
    e.retry_after_ms
FROM exchanges e
LEFT JOIN templates t ON arrow_cast(e.path, 'Utf8') = t.path

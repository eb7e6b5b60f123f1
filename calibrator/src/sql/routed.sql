-- The window's exchanges in the lake's own words, each with the cell of time it lies in.
-- In: exchanges; cell(seen_at); home_of(route, path, event), a number that stands for the three, 0
-- where there is none. Grouping by the number instead of the texts is what makes counting cheap.
-- Out: the view `routed`; `path` is set where the model had no route for it, `route` is then empty.
CREATE VIEW routed AS
SELECT
    seen_at,
    cell(seen_at) AS cell,
    home_of(route, path, event) AS home,
    event IS NULL AS is_call,
    COALESCE(arrow_cast(route, 'Utf8'), '') AS route,
    CASE WHEN route IS NULL THEN COALESCE(arrow_cast(path, 'Utf8'), '') ELSE '' END AS path,
    COALESCE(arrow_cast(event, 'Utf8'), '') AS event,
    status,
    caller,
    entity,
    arrow_cast(request_media, 'Utf8') AS request_media,
    arrow_cast(response_media, 'Utf8') AS response_media,
    arrow_cast(body, 'Utf8') AS body,
    request,
    response
FROM exchanges

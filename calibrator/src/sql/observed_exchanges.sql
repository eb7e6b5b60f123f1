-- What is counted of exchanges: one pass over the window, in whatever order its files have.
-- In: exchanges. Out: its columns by these names; dictionaries stay dictionaries, so that a batch's
-- texts are looked at once and not once a row.
SELECT seen_at, route, path, event, status, caller, entity, api_version, request_media,
       response_media, body, request, response
FROM exchanges

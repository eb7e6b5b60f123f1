-- What the numbers of routes, paths and events stand for. In: routed. Out: home, route, path, event.
SELECT home, MIN(route) AS route, MIN(path) AS path, MIN(event) AS event FROM routed GROUP BY home

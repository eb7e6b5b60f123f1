-- The calls the vendor accepted: what their requests show, it takes.
-- In: routed. Out: the view `accepted`, with its columns.
CREATE VIEW accepted AS
SELECT * FROM routed WHERE home <> 0 AND is_call AND status BETWEEN 200 AND 399

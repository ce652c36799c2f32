-- Cancelled orders keep their price for the books, but are not owed any more.
CREATE VIEW IF NOT EXISTS owed AS
SELECT id, customer_id, CASE status WHEN 4 THEN 0 ELSE total END AS cents
FROM orders;

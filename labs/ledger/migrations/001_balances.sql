-- What is settled counts; what was returned or is pending does not, yet.
CREATE VIEW IF NOT EXISTS balances AS
SELECT account_id, SUM(amount) AS cents
FROM entries
WHERE state = 0
GROUP BY account_id;

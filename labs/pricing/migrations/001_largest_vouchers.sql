-- What the shops give away.
CREATE VIEW IF NOT EXISTS vouchers AS
SELECT shop, COUNT(*) AS carts, SUM(voucher) AS cents
FROM carts
WHERE voucher > 0
GROUP BY shop;

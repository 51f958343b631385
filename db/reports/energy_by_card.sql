-- Energy of each card by month: sqlite3 -box db/shocpp.sqlite3 < db/reports/energy_by_card.sql
SELECT month, account, id_tag,
       sum(CASE entry WHEN 'reversal' THEN -1 WHEN 'dismissal' THEN 0 ELSE 1 END) AS transactions,
       round(sum(consumed_wh) / 1000.0, 3)                                        AS kwh
FROM accounting
WHERE review IS NULL
GROUP BY month, account, id_tag
HAVING transactions > 0
ORDER BY month, account, id_tag;

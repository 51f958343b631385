-- Records with the number of their signed values: sqlite3 -box db/shocpp.sqlite3 < db/reports/signed_values.sql
SELECT accounting.number, localtime, account, accounting.charge_point_id, consumed_wh,
       count(signed.number)                                  AS signed_values,
       coalesce(sum(signed.context = 'Transaction.Begin'), 0) AS begins,
       coalesce(sum(signed.context = 'Transaction.End'), 0)   AS ends
FROM accounting
LEFT JOIN signed_values AS signed ON signed.number = accounting.number
WHERE entry = 'record'
GROUP BY accounting.number
ORDER BY accounting.number;

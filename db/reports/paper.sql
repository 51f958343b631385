-- The contents of a month's statement:
-- sqlite3 -box -cmd ".parameter set :year 2026" -cmd ".parameter set :month 10" db/shocpp.sqlite3 < db/reports/paper.sql

-- energy and amount of each account
SELECT account, transactions, kwh, eur
FROM monthly_consumption
WHERE year = :year AND month = :month;

-- the prices of these amounts
SELECT account, basis, rate, valid_from, ct_per_kwh, sum(wh) / 1000.0 AS kwh,
       sum(amount_ct) / 100.0 AS eur, vat_percent, vat_included
FROM prices
WHERE month = printf('%04d-%02d', :year, :month)
GROUP BY account, basis, rate, valid_from, ct_per_kwh, vat_percent, vat_included;

-- the amount owed with base fees and VAT, once the month is closed
SELECT account, transactions, wh / 1000.0 AS kwh, amount_ct / 100.0 AS energy_eur,
       fees_ct / 100.0 AS fees_eur, vat_ct / 100.0 AS vat_eur, total_eur
FROM closed_accounts
WHERE year = :year AND month = :month;

-- the records, with the numbers that `review correct` and `transactions --signed` take
SELECT number, localtime, account, charge_point_id, connector_id, id_tag, begin_wh / 1000.0 AS begin_kwh,
       end_wh / 1000.0 AS end_kwh, consumed_wh / 1000.0 AS kwh, ct_per_kwh, eur, stop_reason, entry,
       flags, price_note, decided_by, decided_why
FROM accounting
WHERE month = printf('%04d-%02d', :year, :month) AND review IS NULL
ORDER BY billed_ms, booked_ms, entry <> 'reversal', file_name;

-- records under review
SELECT localtime, account, charge_point_id, consumed_wh / 1000.0 AS kwh, review
FROM accounting
WHERE month = printf('%04d-%02d', :year, :month) AND review IS NOT NULL AND in_force;

-- the audit: energy that the meters have counted and energy that is booked, then the gaps
SELECT * FROM audit WHERE year = :year AND month = :month;
SELECT number, charge_point_id, connector_id, gap_wh, after, before, dismissed
FROM gaps
WHERE month = printf('%04d-%02d', :year, :month);

-- transactions without a stop
SELECT account, charge_point_id, connector_id, started_at, consumed_wh FROM open_transactions;

-- The views that people and reports read. The tables below them may change with any version.
-- Columns that end in _at are texts in UTC (ISO 8601), those in _ms Unix times in milliseconds.
-- `shocpp migrate` makes all views again if the text of this file has changed.
-- An account has its present name everywhere but in closed_accounts, where months keep the name that
-- it had at their closing. account_index stays the same when an account gets another name.

CREATE VIEW accounting AS
-- All accounting records with their prices. The first six columns are those of the seed.
SELECT record.local_time                                                       AS localtime,
       record.billed_ms / 1000                                                 AS unixtime,
       coalesce(account.account, record.account)                               AS account,
       record.begin_kwh,
       record.end_kwh,
       record.consumed_kwh,
       record.consumed_wh,
       record.begin_wh,
       record.end_wh,
       record.account_index,
       charge_point.charge_point_id,
       record.connector_id,
       record.id_tag,
       coalesce(started.transaction_id, stop.transaction_id_text)              AS transaction_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', record.started_ms / 1000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', record.stopped_ms / 1000.0, 'unixepoch') AS stopped_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', record.booked_ms / 1000.0, 'unixepoch')  AS booked_at,
       record.duration_s,
       record.charging_s,
       record.stop_reason,
       record.provenance,
       record.review,
       record.flags,
       record.entry,
       replaced.file_name                                                      AS replaces_file,
       record.decided_by,
       record.decided_why,
       record.month,
       stop.repeats,
       record.file_name,
       record.replaces,
       NOT EXISTS (SELECT 1 FROM accounting_record WHERE replaces = record.id)  AS in_force,
       round(price.amount_ct / 100.0, 2)                                       AS eur,
       price.microeuro_per_kwh / 10000.0                                       AS ct_per_kwh,
       price.amount_ct,
       price.microeuro_per_kwh,
       price.note                                                              AS price_note,
       -- Counted as of the booking: a statement does not change if the meter signs more later.
       iif(record.started_transaction IS NULL, 0,
           (SELECT count(*) FROM signed_value
            WHERE signed_value.started_transaction = record.started_transaction
              AND signed_value.received_ms <= record.booked_ms))               AS signed,
       record.billed_ms,
       record.booked_ms,
       record.id                                                               AS number,
       note.km,
       note.text                                                               AS note,
       record.solar_wh
FROM accounting_record AS record
LEFT JOIN account ON account.account_index = record.account_index
LEFT JOIN price ON price.record = record.id
LEFT JOIN charge_point ON charge_point.id = record.charge_point
LEFT JOIN received_stop AS stop ON stop.id = record.received_stop
LEFT JOIN started_transaction AS started ON started.id = record.started_transaction
LEFT JOIN accounting_record AS replaced ON replaced.id = record.replaces
-- A note belongs to the first record of a session; decisions about it keep the note.
LEFT JOIN accounting_record AS first ON first.id = CAST(record.root AS INTEGER)
LEFT JOIN session_note AS note ON note.file_name = coalesce(first.file_name, record.file_name);

CREATE VIEW monthly_consumption AS
-- The sums of each account by month of local time, without records under review.
SELECT CAST(substr(month, 1, 4) AS INTEGER)                                       AS year,
       CAST(substr(month, 6, 2) AS INTEGER)                                       AS month,
       max(coalesce(account.account, accounting_record.account))                  AS account,
       -- A reversal subtracts the record that it reverses; its replacement counts instead.
       sum(CASE entry WHEN 'reversal' THEN -1 WHEN 'dismissal' THEN 0 ELSE 1 END) AS transactions,
       sum(consumed_wh)                                                           AS wh,
       round(sum(consumed_wh) / 1000.0, 3)                                        AS kwh,
       round(sum(amount_ct) / 100.0, 2)                                           AS eur,
       sum(amount_ct)                                                             AS amount_ct,
       sum(iif(amount_ct IS NULL, consumed_wh, 0))                                AS unpriced_wh,
       accounting_record.account_index,
       accounting_record.month                                                    AS period,
       -- NULL if nobody knows the solar energy of any record.
       sum(solar_wh)                                                              AS solar_wh
FROM accounting_record
LEFT JOIN account ON account.account_index = accounting_record.account_index
LEFT JOIN price ON price.record = accounting_record.id
WHERE review IS NULL
GROUP BY accounting_record.month, accounting_record.account_index;

CREATE VIEW prices AS
-- The parts of a record's price. It has several if the price changed while the car charged.
-- CROSS JOIN keeps the order of the tables, because records have an index by month.
SELECT record.month,
       coalesce(account.account, record.account)                             AS account,
       record.id                                                             AS number,
       part.part,
       strftime('%Y-%m-%dT%H:%M:%fZ', part.began_ms / 1000.0, 'unixepoch')   AS began_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', part.ended_ms / 1000.0, 'unixepoch')   AS ended_at,
       part.wh,
       part.microeuro_per_kwh / 10000.0                                      AS ct_per_kwh,
       round(part.amount_ct / 100.0, 2)                                      AS eur,
       part.basis,
       part.rate,
       part.valid_from,
       part.vat_bp / 100.0                                                   AS vat_percent,
       part.vat_included,
       part.amount_ct,
       part.microeuro_per_kwh,
       part.vat_bp,
       record.account_index
FROM accounting_record AS record
CROSS JOIN price_part AS part ON part.record = record.id
LEFT JOIN account ON account.account_index = record.account_index;

CREATE VIEW closed_months AS
SELECT number,
       CAST(substr(month, 1, 4) AS INTEGER)                                AS year,
       CAST(substr(month, 6, 2) AS INTEGER)                                AS month,
       strftime('%Y-%m-%dT%H:%M:%fZ', closed_ms / 1000.0, 'unixepoch')     AS closed_at,
       closed_by,
       records,
       hash
FROM closed_month;

CREATE VIEW closed_accounts AS
-- The amount that each account owes for a closed month, in cents, with base fees and VAT.
SELECT CAST(substr(closed.month, 1, 4) AS INTEGER)                          AS year,
       CAST(substr(closed.month, 6, 2) AS INTEGER)                          AS month,
       json_extract(sums.value, '$.account')                                AS account,
       json_extract(sums.value, '$.transactions')                           AS transactions,
       json_extract(sums.value, '$.wh')                                     AS wh,
       json_extract(sums.value, '$.amount_ct')                              AS amount_ct,
       (SELECT coalesce(sum(json_extract(fee.value, '$.amount_ct')), 0)
        FROM json_each(sums.value, '$.fees') AS fee)                        AS fees_ct,
       (SELECT coalesce(sum(json_extract(tax.value, '$.vat_ct')), 0)
        FROM json_each(sums.value, '$.taxes') AS tax)                       AS vat_ct,
       json_extract(sums.value, '$.total_ct')                               AS total_ct,
       round(json_extract(sums.value, '$.total_ct') / 100.0, 2)             AS total_eur,
       json_extract(sums.value, '$.solar_wh')                               AS solar_wh
FROM closed_month AS closed
JOIN json_each(closed.content, '$.accounts') AS sums;

CREATE VIEW timed_readings AS
-- Meter readings with the time that orders them: by the charger's clock if that is set (2020 or
-- later), else by their receipt. is_derived is 1 if the power is current times voltage.
SELECT *,
       iif(sampled_ms >= 1577836800000, sampled_ms, received_ms) AS moment_ms,
       coalesce(power_source LIKE '% from current%', 0)          AS is_derived
FROM meter_reading;

CREATE VIEW latest_readings AS
-- The latest readings of each transaction without a stop: of its register, by its best source, and
-- of its power, measured before derived from current. Latest among the last hundred received: a
-- charger may send old readings late.
SELECT started.id AS started_transaction,
       (SELECT id
        FROM (SELECT id, moment_ms
              FROM timed_readings
              WHERE started_transaction = started.id AND register_wh IS NOT NULL
                AND register_source IS started.register_source
              ORDER BY id DESC LIMIT 100)
        ORDER BY moment_ms DESC, id DESC
        LIMIT 1) AS register,
       (SELECT max(id)
        FROM (SELECT id, moment_ms
              FROM timed_readings
              WHERE started_transaction = started.id AND register_wh IS NOT NULL
                AND register_source IS started.register_source
              ORDER BY id DESC LIMIT 100)
        GROUP BY moment_ms
        ORDER BY moment_ms DESC
        LIMIT 1 OFFSET 1) AS register_before,
       iif(started.start_known, NULL,
           (SELECT min(id)
            FROM meter_reading
            WHERE started_transaction = started.id AND register_wh IS NOT NULL
              AND register_source IS started.register_source)) AS register_first,
       (SELECT id
        FROM (SELECT id, power_w, is_derived, moment_ms
              FROM timed_readings
              WHERE started_transaction = started.id
              ORDER BY id DESC LIMIT 100)
        WHERE power_w IS NOT NULL
        ORDER BY is_derived, moment_ms DESC, id DESC
        LIMIT 1) AS power
FROM started_transaction AS started
WHERE started.state <> 'stopped';

CREATE VIEW live_transactions AS
-- Transactions without a stop, up to their latest register. A start without a reading begins at the
-- first one of the transaction. `is_known` is 0 if nobody knows the energy: without a register, or
-- if it has restarted below its start. Where no reading has
-- their power, it follows from the two latest registers, or from the start and the only one.
SELECT begun.*,
       max(coalesce(latest.register_wh, 0), begun.begin_wh)                     AS end_wh,
       latest.moment_ms                                                         AS last_ms,
       latest.id IS NOT NULL
       AND latest.register_wh >= begun.begin_wh - 2       -- chargers round by up to 2 Wh
       AND (begun.start_known OR latest.register_wh > begun.begin_wh)           AS is_known,
       iif(latest.register_wh >= begun.begin_wh, latest.register_wh - begun.begin_wh, NULL)
                                                                                AS consumed_wh,
       coalesce(max(power.power_w, 0), max(0,
           (latest.register_wh - iif(before.id IS NULL, begun.begin_wh, before.register_wh))
           * 3600000
           / nullif(latest.moment_ms - coalesce(
               before.moment_ms, iif(begun.has_clock, begun.started_ms, begun.received_ms)), 0)))
                                                                                AS power_w,
       CASE WHEN power.id IS NULL THEN 'register'
            WHEN power.is_derived THEN 'current'
            ELSE 'measured' END                                                 AS power_basis,
       iif(power.id IS NULL, latest.received_ms, power.received_ms)             AS power_ms
FROM (SELECT started.*,
             iif(started.start_known, started.meter_start_wh, coalesce(first.register_wh, 0))
                 AS begin_wh,
             latest_readings.register,
             latest_readings.register_before,
             latest_readings.power
      FROM started_transaction AS started
      JOIN latest_readings ON latest_readings.started_transaction = started.id
      LEFT JOIN meter_reading AS first ON first.id = latest_readings.register_first
      WHERE started.state <> 'stopped') AS begun     -- as in the index started_transaction_unstopped
LEFT JOIN timed_readings AS latest ON latest.id = begun.register
LEFT JOIN timed_readings AS before ON before.id = begun.register_before
LEFT JOIN timed_readings AS power ON power.id = begun.power;

CREATE VIEW open_transactions AS
-- Transactions without a stop, orphaned ones too, with the energy and power of their latest
-- readings. power_basis is measured, or how the power was derived: from current or register.
SELECT live.transaction_id,
       charge_point.charge_point_id,
       live.connector_id,
       live.id_tag,
       coalesce(account.account, live.account)                                   AS account,
       live.status,
       live.state,
       live.meter_start_wh,
       live.consumed_wh,
       live.power_w,
       strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(live.started_ms, live.received_ms) / 1000.0,
                'unixepoch')                                                     AS started_at,
       iif(live.power_w IS NULL, NULL, live.power_basis)                         AS power_basis,
       'T' || live.id                                                            AS number
FROM live_transactions AS live
LEFT JOIN account ON account.account_index = live.account_index
JOIN charge_point ON charge_point.id = live.charge_point;

CREATE VIEW charge_points AS
SELECT charge_point.charge_point_id                                                 AS id,
       charge_point.serial,
       charge_point.vendor,
       charge_point.model,
       charge_point.firmware,
       connection.token IS NOT NULL                                                 AS connected,
       strftime('%Y-%m-%dT%H:%M:%fZ', charge_point.last_heard_ms / 1000.0, 'unixepoch')
                                                                                    AS last_heard,
       charge_point.meter_serial,
       connection.remote,
       connection.authenticated,
       strftime('%Y-%m-%dT%H:%M:%fZ', connection.connected_ms / 1000.0, 'unixepoch') AS connected_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', charge_point.booted_ms / 1000.0, 'unixepoch')  AS booted_at
FROM charge_point
LEFT JOIN connection ON connection.charge_point = charge_point.id;

CREATE VIEW refused_attempts AS
SELECT charge_point_id                                              AS id,
       address,
       reason,
       told,
       attempts,
       strftime('%Y-%m-%dT%H:%M:%fZ', first_ms / 1000.0, 'unixepoch') AS first_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', last_ms / 1000.0, 'unixepoch')  AS last_at
FROM refused_attempt;

CREATE VIEW connectors AS
SELECT charge_point.charge_point_id,
       connector.connector_id,
       connector.status,
       connector.error_code,
       connector.info,
       connector.vendor_error_code,
       strftime('%Y-%m-%dT%H:%M:%fZ', connector.since_ms / 1000.0, 'unixepoch') AS since
FROM connector
JOIN charge_point ON charge_point.id = connector.charge_point;

CREATE VIEW dropped_frames AS
-- The messages of chargers over their budget (SHOCPP_CHARGER_MB): only these sums are stored.
SELECT coalesce(charge_point.charge_point_id, '?') AS charge_point_id,
       dropped.day,
       dropped.action,
       dropped.frames,
       dropped.bytes
FROM dropped_frame AS dropped
LEFT JOIN charge_point ON charge_point.id = dropped.charge_point;

CREATE VIEW requested_availability AS
-- The availability that was requested and confirmed; connector 0 is the whole Charge Point.
SELECT charge_point.charge_point_id,
       availability.connector_id,
       availability.requested                                                        AS availability,
       availability.status,
       strftime('%Y-%m-%dT%H:%M:%fZ', availability.confirmed_ms / 1000.0, 'unixepoch') AS confirmed_at
FROM availability
JOIN charge_point ON charge_point.id = availability.charge_point;

CREATE VIEW configuration_values AS
-- The configuration keys of Charge Points, as they were last read and set. Secrets are ***.
SELECT charge_point.charge_point_id,
       configuration.key,
       configuration.value,
       configuration.readonly,
       configuration.known,
       strftime('%Y-%m-%dT%H:%M:%fZ', configuration.read_ms / 1000.0, 'unixepoch') AS read_at,
       configuration.set_value,
       strftime('%Y-%m-%dT%H:%M:%fZ', configuration.set_ms / 1000.0, 'unixepoch')  AS set_at,
       -- A BootNotification since then ends it.
       coalesce(configuration.needs_reboot, 0)
           AND coalesce(charge_point.booted_ms, 0) < configuration.set_ms          AS reboot_required
FROM configuration_value AS configuration
JOIN charge_point ON charge_point.id = configuration.charge_point;

CREATE VIEW set_points AS
-- The limits of current that are decided at present. `base_a` is in force without the server,
-- `confirmed_a` is what the charger has accepted, and `reckoned_a` what it may draw nevertheless.
SELECT charge_point.charge_point_id,
       point.connector_id,
       point.limit_ma / 1000.0                                                    AS limit_a,
       point.base_ma / 1000.0                                                     AS base_a,
       point.phases,
       point.reason,
       point.standing,
       strftime('%Y-%m-%dT%H:%M:%fZ', point.since_ms / 1000.0, 'unixepoch')       AS since,
       strftime('%Y-%m-%dT%H:%M:%fZ', point.sent_ms / 1000.0, 'unixepoch')        AS sent_at,
       point.confirmed_ma / 1000.0                                                AS confirmed_a,
       strftime('%Y-%m-%dT%H:%M:%fZ', point.confirmed_ms / 1000.0, 'unixepoch')   AS confirmed_at,
       point.observed_ma / 1000.0                                                 AS observed_a,
       strftime('%Y-%m-%dT%H:%M:%fZ', point.observed_ms / 1000.0, 'unixepoch')    AS observed_at,
       point.reckoned_ma / 1000.0                                                 AS reckoned_a,
       point.writes                                                               AS writes_24h
FROM set_point AS point
JOIN charge_point ON charge_point.id = point.charge_point;

CREATE VIEW site AS
-- One row: the newest reading of the site's meter (import is positive), and the load of the house
-- that the last decision about limits assumes. No row without a reading and a decision.
SELECT reading.l1_ma / 1000.0                                                     AS l1_a,
       reading.l2_ma / 1000.0                                                     AS l2_a,
       reading.l3_ma / 1000.0                                                     AS l3_a,
       reading.source,
       strftime('%Y-%m-%dT%H:%M:%fZ', reading.received_ms / 1000.0, 'unixepoch')  AS received_at,
       state.meter,
       state.fallback,
       state.house_l1_ma / 1000.0                                                 AS house_l1_a,
       state.house_l2_ma / 1000.0                                                 AS house_l2_a,
       state.house_l3_ma / 1000.0                                                 AS house_l3_a,
       strftime('%Y-%m-%dT%H:%M:%fZ', state.decided_ms / 1000.0, 'unixepoch')     AS decided_at
FROM (SELECT max(id) AS newest FROM site_reading)
LEFT JOIN site_reading AS reading ON reading.id = newest
LEFT JOIN site_state AS state ON state.id = 1
WHERE newest IS NOT NULL OR state.id IS NOT NULL;

CREATE VIEW dimmings AS
-- When the grid operator has dimmed the chargers; ended_at is NULL while it goes on.
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', began_ms / 1000.0, 'unixepoch')             AS began_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', ended_ms / 1000.0, 'unixepoch')             AS ended_at,
       limit_w,
       source
FROM dimming
ORDER BY began_ms, id;

CREATE VIEW meter_values AS
-- All samples of MeterValues and transactionData, read from the stored frames. Members that are
-- missing in a sample have the defaults of OCPP 1.6 §7.43. Readings whose frame was dropped (0) are
-- in timed_readings only.
SELECT charge_point.charge_point_id,
       reading.connector_id,
       started.transaction_id,
       coalesce(json_extract(entry.value, '$.timestamp'),
                strftime('%Y-%m-%dT%H:%M:%fZ', frame.moment_ms / 1000.0, 'unixepoch')) AS sampled_at,
       json_extract(sample.value, '$.value')                                           AS value,
       coalesce(json_extract(sample.value, '$.unit'),
                CASE WHEN coalesce(json_extract(sample.value, '$.measurand'), 'Energy')
                     LIKE 'Energy.Active%' OR json_extract(sample.value, '$.measurand') IS NULL
                     THEN 'Wh' END)                                                    AS unit,
       coalesce(json_extract(sample.value, '$.measurand'), 'Energy.Active.Import.Register')
                                                                                       AS measurand,
       json_extract(sample.value, '$.phase')                                           AS phase,
       coalesce(json_extract(sample.value, '$.context'), 'Sample.Periodic')            AS context,
       coalesce(json_extract(sample.value, '$.location'), 'Outlet')                    AS location,
       coalesce(json_extract(sample.value, '$.format'), 'Raw')                         AS format,
       -- The position of the sample: the first reading of its frame, and the indices of both lists.
       reading.id                                                                      AS number,
       entry.key                                                                       AS meter_value,
       sample.key                                                                      AS sample
FROM meter_reading AS reading
JOIN frame ON frame.id = reading.frame AND json_valid(frame.text)
JOIN charge_point ON charge_point.id = reading.charge_point
LEFT JOIN started_transaction AS started ON started.id = reading.started_transaction
JOIN json_each(frame.text, iif(frame.action = 'StopTransaction',
                               '$[3].transactionData', '$[3].meterValue')) AS entry
JOIN json_each(entry.value, '$.sampledValue') AS sample
WHERE entry.type = 'object' AND sample.type = 'object'
  -- Only the first reading of each frame. Old readings have no position, but consecutive ids.
  AND coalesce(reading.position = 0,
               NOT EXISTS (SELECT 1 FROM meter_reading AS before
                           WHERE before.id = reading.id - 1 AND before.frame = reading.frame));

CREATE VIEW signed_values AS
-- Signed meter values as they came. `number` is the accounting record, NULL until there is one.
SELECT coalesce((SELECT id FROM accounting_record WHERE received_stop = signed.received_stop),
                (SELECT min(id) FROM accounting_record
                 WHERE started_transaction = signed.started_transaction))           AS number,
       charge_point.charge_point_id,
       signed.connector_id,
       coalesce(started.transaction_id, stop.transaction_id_text)                   AS transaction_id,
       coalesce(signed.sampled_text,
                strftime('%Y-%m-%dT%H:%M:%fZ', signed.received_ms / 1000.0, 'unixepoch'))
                                                                                    AS sampled_at,
       coalesce(signed.context, 'Sample.Periodic')                                  AS context,
       coalesce(signed.measurand, 'Energy.Active.Import.Register')                  AS measurand,
       json_extract(signed.sample, '$.value')                                       AS value,
       signed.sample
FROM signed_value AS signed
JOIN charge_point ON charge_point.id = signed.charge_point
LEFT JOIN started_transaction AS started ON started.id = signed.started_transaction
LEFT JOIN received_stop AS stop ON stop.id = signed.received_stop;

CREATE VIEW calls AS
SELECT call.id                                                                AS number,
       call.call_id,
       charge_point.charge_point_id,
       call.action,
       call.payload,
       call.state,
       call.confirmation,
       call.error_code,
       call.error_description,
       call.canned,
       call.asked_by,
       strftime('%Y-%m-%dT%H:%M:%fZ', call.queued_ms / 1000.0, 'unixepoch')   AS queued_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', call.sent_ms / 1000.0, 'unixepoch')     AS sent_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', call.deadline_ms / 1000.0, 'unixepoch') AS deadline_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', call.settled_ms / 1000.0, 'unixepoch')  AS settled_at,
       -- Why a queued Call is not sent yet; the waits are those of ocpp/connection.py.
       CASE
           WHEN call.state <> 'queued' OR connection.token IS NULL
                OR charge_point.booted_ms >= connection.connected_ms THEN NULL
           WHEN charge_point.booted_ms IS NULL OR charge_point.calls_need_boot
               THEN charge_point.charge_point_id || ' is booting; it gets Calls once its'
                    || ' BootNotification is answered, or 30 s after its first message'
           WHEN call.queued_ms < connection.connected_ms + 3000
               THEN charge_point.charge_point_id || ' has just reconnected; try again in 3 s'
       END                                                                    AS waits_because
FROM call
JOIN charge_point ON charge_point.id = call.charge_point
LEFT JOIN connection ON connection.charge_point = call.charge_point;

CREATE VIEW waiting_calls AS
SELECT call_id, charge_point_id, action, payload, state, queued_at, sent_at, deadline_at
FROM calls
WHERE state IN ('queued', 'sent');

CREATE VIEW entries AS
-- The records in force: those that no decision has replaced.
-- A record decoded from its transaction id has no connector. Its `register` is the connector with
-- the nearest reading below its begin, or else above it.
-- A decision about a closed month is billed in a later one. Its `counted_month` is the month in
-- which the register has counted the energy.
SELECT *,
       iif(entry = 'record' OR instr(flags, 'late: ') = 0, month,
           substr(flags, instr(flags, 'late: ') + 6, 7))   AS counted_month,
       coalesce(connector_id,
                (SELECT near.connector_id
                 FROM accounting_record AS near
                 WHERE near.charge_point = record.charge_point AND near.end_wh <= record.begin_wh
                   AND near.review IS NULL AND near.connector_id IS NOT NULL
                 ORDER BY near.end_wh DESC
                 LIMIT 1),
                (SELECT near.connector_id
                 FROM accounting_record AS near
                 WHERE near.charge_point = record.charge_point AND near.end_wh > record.begin_wh
                   AND near.review IS NULL AND near.connector_id IS NOT NULL
                 ORDER BY near.end_wh
                 LIMIT 1)) AS register
FROM accounting_record AS record
WHERE entry <> 'reversal'
  AND NOT EXISTS (SELECT 1 FROM accounting_record WHERE replaces = record.id);

CREATE VIEW claims AS
-- The claims on the register of a connector, in the order of time: the intervals of booked records,
-- and the start readings of what is not booked, as intervals of length 0. `number` is the name of the
-- first record of a chain of decisions, or of a transaction: no decision changes it. `arrived` is 0,
-- or the number of the decision by which a claim has come to begin at this reading.
-- A register that falls below half of its reading has restarted, and a new epoch begins. `fell` is 1
-- where a record under review ends below its start: nobody knows yet what the register has counted.
SELECT *,
       sum(restarted) OVER (
           PARTITION BY charge_point, connector_id ORDER BY moment_ms, begin_wh, end_wh) AS epoch
FROM (SELECT *,
             2 * begin_wh < lag(end_wh, 1, 0) OVER (
                 PARTITION BY charge_point, connector_id
                 ORDER BY moment_ms, begin_wh, end_wh) AS restarted
      FROM (SELECT coalesce(root, CAST(id AS TEXT)) AS number,
                   charge_point,
                   register                         AS connector_id,
                   counted_month                    AS month,
                   begin_wh,
                   max(begin_wh, end_wh)            AS end_wh,
                   consumed_wh,
                   coalesce(started_ms, stopped_ms) AS moment_ms,
                   stopped_ms                       AS until_ms,
                   0                                AS fell,
                   CASE WHEN entry.entry = 'record' THEN 0
                        WHEN root IS NULL THEN id                       -- a gap was decided
                        WHEN root LIKE 'T%'
                        THEN iif(begin_wh = (SELECT meter_start_wh FROM started_transaction
                                             WHERE id = CAST(ltrim(root, 'T') AS INTEGER)), 0, id)
                        ELSE (SELECT iif(first.begin_wh <> entry.begin_wh, entry.id,
                                         iif(first.entry = 'record', 0, first.id))
                              FROM accounting_record AS first
                              WHERE first.id = CAST(entry.root AS INTEGER)) END AS arrived
            FROM entries AS entry
            WHERE review IS NULL
              AND entry <> 'dismissal'
              AND provenance <> 'imported'
            UNION ALL
            SELECT coalesce(entry.root, CAST(entry.id AS TEXT)),
                   entry.charge_point,
                   entry.connector_id,
                   entry.counted_month,
                   entry.begin_wh,
                   entry.begin_wh,
                   0,
                   coalesce(entry.started_ms, entry.stopped_ms),
                   coalesce(entry.started_ms, entry.stopped_ms),
                   -- Chargers round by up to 2 Wh.
                   entry.review IS NOT NULL AND entry.end_wh < entry.begin_wh - 2,
                   0
            FROM entries AS entry
            JOIN started_transaction AS started ON started.id = entry.started_transaction
            WHERE (entry.review IS NOT NULL OR entry.entry = 'dismissal')
              AND started.start_known
              AND entry.begin_wh = started.meter_start_wh
            UNION ALL
            -- A stop without a start tells where the register was at its end, and perhaps at its
            -- begin: the energy between them waits.
            SELECT iif(side = 'end', id || '.end', CAST(id AS TEXT)),
                   charge_point,
                   register,
                   counted_month,
                   iif(side = 'end', end_wh, begin_wh),
                   iif(side = 'end', end_wh, begin_wh),
                   0,
                   iif(side = 'end', stopped_ms, coalesce(started_ms, stopped_ms)),
                   iif(side = 'end', stopped_ms, coalesce(started_ms, stopped_ms)),
                   0,
                   0
            FROM entries
            JOIN (SELECT 'begin' AS side UNION ALL SELECT 'end')
            WHERE review IS NOT NULL
              AND provenance = 'unmatched'
              AND started_transaction IS NULL
              AND consumed_wh > 0
              AND (instr(flags, 'start known from its transactionData')
                   OR instr(flags, 'start assumed at the end of the record before'))
            UNION ALL
            SELECT 'T' || id,
                   charge_point,
                   connector_id,
                   NULL,                    -- the month will be that of its stop
                   meter_start_wh,
                   meter_start_wh,
                   0,
                   coalesce(started_ms, received_ms),
                   coalesce(started_ms, received_ms),
                   0,
                   0
            FROM started_transaction
            WHERE state <> 'stopped'
              AND start_known));

CREATE VIEW covered AS
-- The claims with the reading and the time up to which the claims below cover their register, and
-- whether another claim begins at the same reading.
SELECT *,
       coalesce(max(end_wh) OVER lower, begin_wh)   AS reached_wh,
       coalesce(lag(until_ms) OVER lower, until_ms) AS reached_ms,
       lag(begin_wh) OVER lower IS begin_wh         AS begins_beside
FROM claims
WINDOW lower AS (PARTITION BY charge_point, connector_id, epoch ORDER BY begin_wh, end_wh, moment_ms
                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);

CREATE VIEW lapsed_transactions AS
-- The open transactions, with the time from which each counts as lapsed: it may have ended without
-- a stop. Its signs of life are its start, its readings and the states Charging and Suspended… of
-- its connector. Readings without its id are none: a charger also measures while nobody charges.
-- After the last of them its Charge Point has booted, or reported the connector
-- Available, or was not seen for a day; a later sign of life puts it back. For a card that may
-- charge once at a time the time is `since_ms`. For a review it is `review_ms`: go-e reports
-- Available before its stop, so ten minutes pass first.
SELECT id,
       charge_point,
       CASE min(booted_ms, available_ms, unseen_ms)
           WHEN booted_ms THEN 'booted' WHEN available_ms THEN 'available' ELSE 'unseen' END
                                                                     AS reason,
       min(booted_ms, available_ms, unseen_ms)                       AS since_ms,
       min(booted_ms, available_ms + 10 * 60000, unseen_ms)          AS review_ms
FROM (SELECT living.id,
             living.charge_point,
             iif(charge_point.booted_ms > alive_ms, charge_point.booted_ms, 1 << 62) AS booted_ms,
             -- A bounded search: a charger may report its state every minute.
             coalesce((SELECT min(received_ms)
                       FROM (SELECT status, received_ms FROM status_event
                             WHERE status_event.charge_point = living.charge_point
                               AND status_event.connector_id = living.connector_id
                             ORDER BY status_event.id DESC LIMIT 50)
                       WHERE status = 'Available' AND received_ms > alive_ms), 1 << 62)
                                                                                 AS available_ms,
             iif(EXISTS (SELECT 1 FROM connection
                         WHERE connection.charge_point = living.charge_point),
                 1 << 62, charge_point.last_heard_ms + 86400000)                 AS unseen_ms
      FROM (SELECT started.id,
                   started.charge_point,
                   started.connector_id,
                   max(started.received_ms,
                       coalesce((SELECT max(received_ms)
                                 FROM (SELECT received_ms, coalesce(register_wh, power_w) AS value,
                                              coalesce(register_source, power_source, '') AS source
                                       FROM meter_reading
                                       WHERE started_transaction = started.id
                                       ORDER BY meter_reading.id DESC LIMIT 100)
                                 WHERE value IS NOT NULL AND source NOT LIKE '% without id'), 0),
                       coalesce((SELECT max(received_ms)
                                 FROM (SELECT status, received_ms FROM status_event
                                       WHERE status_event.charge_point = started.charge_point
                                         AND status_event.connector_id = started.connector_id
                                       ORDER BY status_event.id DESC LIMIT 50)
                                 WHERE status IN ('Charging', 'SuspendedEV', 'SuspendedEVSE')),
                                0))                                              AS alive_ms
            FROM started_transaction AS started
            WHERE started.state <> 'stopped'    -- as in the index started_transaction_unstopped
              AND started.state = 'open') AS living
      JOIN charge_point ON charge_point.id = living.charge_point);

CREATE VIEW estimates AS
-- Orphaned and lapsed transactions up to their latest reading.
SELECT live.*, coalesce(lapsed.reason, live.state) AS reason
FROM live_transactions AS live
LEFT JOIN lapsed_transactions AS lapsed ON lapsed.id = live.id
    AND lapsed.review_ms <= (julianday('now') - 2440587.5) * 86400000
WHERE live.state = 'orphaned' OR lapsed.id IS NOT NULL;

CREATE VIEW counted AS
-- The energy that registers have counted. Rows of kind claim are its claims, rows of kind gap the
-- energy between two claims, without the intervals of records under review. `dismissed` is the
-- reason if a human has dismissed the gap.
-- A gap has the name of the claim or case that begins where it ends. If several do, it is one that no
-- decision has put there, and of these the one with the lowest number: then no decision about another
-- case changes the name.
-- Both kinds are in one view, because reading the claims is the expensive part.
WITH claim AS MATERIALIZED (
    SELECT number, charge_point, connector_id, epoch, month, begin_wh, end_wh, consumed_wh,
           moment_ms, restarted OR fell AS restarted, reached_wh, reached_ms, begins_beside, arrived
    FROM covered),
waived AS MATERIALIZED (
    SELECT charge_point, connector_id, begin_wh, end_wh, decided_why
    FROM entries
    WHERE entry = 'dismissal' AND provenance = 'decided' AND started_transaction IS NULL),
hole AS MATERIALIZED (
    SELECT number, charge_point, connector_id, epoch, month, reached_ms AS after_ms,
           moment_ms AS before_ms, reached_wh AS from_wh, begin_wh AS to_wh, arrived
    FROM claim
    WHERE begin_wh > reached_wh),
beside AS MATERIALIZED (
    SELECT number, charge_point, connector_id, epoch, begin_wh, arrived
    FROM claim
    WHERE begins_beside),
asked AS MATERIALIZED (
    SELECT coalesce(root, CAST(id AS TEXT)) AS name, charge_point, connector_id, register,
           begin_wh, end_wh
    FROM entries
    WHERE review IS NOT NULL
    UNION ALL
    SELECT 'T' || id, charge_point, connector_id, connector_id, begin_wh, end_wh
    FROM estimates),
piece AS (
    SELECT number, charge_point, connector_id, month, after_ms, before_ms,
           from_wh AS begin_wh, from_wh AS end_wh, '' AS name, 1 AS is_own, 0 AS arrived
    FROM hole
    UNION ALL
    SELECT number, charge_point, connector_id, month, after_ms, before_ms, to_wh, to_wh, number, 1,
           arrived
    FROM hole
    UNION ALL
    SELECT hole.number, hole.charge_point, hole.connector_id, hole.month, hole.after_ms,
           hole.before_ms, hole.to_wh, hole.to_wh, beside.number, 1, beside.arrived
    FROM beside
    JOIN hole ON hole.charge_point = beside.charge_point
        AND hole.connector_id IS beside.connector_id AND hole.epoch = beside.epoch
        AND hole.to_wh = beside.begin_wh
    UNION ALL
    SELECT hole.number, hole.charge_point, hole.connector_id, hole.month, hole.after_ms,
           hole.before_ms, max(asked.begin_wh, hole.from_wh), min(asked.end_wh, hole.to_wh),
           asked.name, asked.register IS hole.connector_id, 0
    FROM asked
    JOIN hole ON hole.charge_point = asked.charge_point
        AND hole.connector_id IS coalesce(asked.connector_id, hole.connector_id)
        AND (hole.to_wh > asked.begin_wh AND hole.from_wh < asked.end_wh
             OR hole.to_wh = asked.begin_wh AND asked.register IS hole.connector_id))
SELECT 'claim'                                                    AS kind,
       charge_point,
       month,
       max(end_wh - reached_wh, 0)                                AS meter_wh,
       max(begin_wh - reached_wh, 0)                              AS hole_wh,
       consumed_wh - max(end_wh - max(begin_wh, reached_wh), 0)   AS overlap_wh,
       restarted OR consumed_wh > end_wh - begin_wh               AS restarts,
       0                                                          AS gap_wh,
       NULL AS gap, NULL AS connector_id, NULL AS from_wh, NULL AS to_wh,
       NULL AS after_ms, NULL AS before_ms, NULL AS dismissed
FROM claim
UNION ALL
SELECT 'gap', charge_point, month, 0, 0, 0, 0,
       to_wh - from_wh,
       'G' || name || iif(part > 1, '.' || part, ''),
       connector_id, from_wh, to_wh, after_ms, before_ms,
       (SELECT decided_why
        FROM waived
        WHERE waived.charge_point = gap.charge_point
          AND waived.connector_id IS gap.connector_id
          AND waived.begin_wh <= from_wh
          AND waived.end_wh >= to_wh)
FROM (SELECT *,
             -- A case without a connector, or of a register that has restarted, ends several gaps.
             row_number() OVER (PARTITION BY name ORDER BY is_own DESC, before_ms, number) AS part
      FROM (SELECT number, charge_point, connector_id, month, after_ms, before_ms, name, is_own,
                   max(end_wh) OVER (PARTITION BY number, charge_point, connector_id
                                     ORDER BY begin_wh, is_own DESC, arrived, name LIKE 'T%',
                                              CAST(ltrim(name, 'T') AS INTEGER)
                                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS from_wh,
                   begin_wh                                                            AS to_wh
            FROM piece)
      WHERE to_wh > from_wh) AS gap;

CREATE VIEW uncovered AS
-- The gaps with the row ids of their Charge Points; `gaps` is for people.
SELECT gap, charge_point, connector_id, month, from_wh, to_wh, after_ms, before_ms, dismissed
FROM counted
WHERE kind = 'gap';

CREATE VIEW gaps AS
-- Energy that no record claims: a transaction begins above the reading at which the last one ended.
SELECT charge_point.charge_point_id,
       uncovered.connector_id,
       uncovered.from_wh,
       uncovered.to_wh,
       uncovered.to_wh - uncovered.from_wh                                       AS gap_wh,
       strftime('%Y-%m-%dT%H:%M:%fZ', uncovered.after_ms / 1000.0, 'unixepoch')  AS after,
       strftime('%Y-%m-%dT%H:%M:%fZ', uncovered.before_ms / 1000.0, 'unixepoch') AS before,
       uncovered.gap                                                             AS number,
       uncovered.month,
       uncovered.dismissed
FROM uncovered
JOIN charge_point ON charge_point.id = uncovered.charge_point;

CREATE VIEW audit AS
-- The energy of each Charge Point by month. Unless the register has restarted,
-- meter_wh = booked_wh + unassigned_wh + under_review_wh + gap_wh - overlap_wh.
-- under_review_wh is the part of the energy under review that the register has counted. overlap_wh
-- is in two records, because chargers round starts and stops by 1-2 Wh.
SELECT charge_point.charge_point_id,
       CAST(substr(proved.month, 1, 4) AS INTEGER)           AS year,
       CAST(substr(proved.month, 6, 2) AS INTEGER)           AS month,
       proved.meter_wh,
       coalesce(booked.booked_wh, 0)                         AS booked_wh,
       coalesce(booked.unassigned_wh, 0)                     AS unassigned_wh,
       proved.hole_wh - proved.gap_wh                        AS under_review_wh,
       proved.gap_wh,
       proved.overlap_wh,
       proved.restarts
FROM (SELECT charge_point, month,
             sum(meter_wh)   AS meter_wh,
             sum(hole_wh)    AS hole_wh,
             sum(gap_wh)     AS gap_wh,
             sum(overlap_wh) AS overlap_wh,
             sum(restarts)   AS restarts
      FROM counted
      WHERE month IS NOT NULL
      GROUP BY charge_point, month) AS proved
JOIN charge_point ON charge_point.id = proved.charge_point
LEFT JOIN (SELECT charge_point, counted_month AS month,
                  sum(iif(account_index = 0, 0, consumed_wh)) AS booked_wh,
                  sum(iif(account_index = 0, consumed_wh, 0)) AS unassigned_wh
           FROM entries
           WHERE review IS NULL AND provenance <> 'imported'
           GROUP BY charge_point, counted_month) AS booked
    ON booked.charge_point = proved.charge_point AND booked.month = proved.month;

CREATE VIEW review AS
-- The cases that a human must decide. shocpp review assign, correct, dismiss and end take
-- `number`.
SELECT CAST(record.id AS TEXT)                                                 AS number,
       CASE WHEN record.review IS NOT NULL THEN 'record'
            WHEN record.account_index = 0 THEN 'card' ELSE 'register' END      AS kind,
       CASE WHEN record.review IS NOT NULL THEN record.review
            WHEN record.account_index = 0
            THEN 'unknown card: ' || coalesce(nullif(record.id_tag, ''), 'none')
            ELSE record.flags || ': ' || record.consumed_wh || ' Wh are booked' END AS reason,
       charge_point.charge_point_id,
       record.connector_id,
       coalesce(account.account, record.account)                               AS account,
       record.id_tag,
       stop.transaction_id_text                                                AS transaction_id,
       record.begin_wh,
       record.end_wh,
       record.consumed_wh,
       strftime('%Y-%m-%dT%H:%M:%fZ', record.started_ms / 1000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', record.stopped_ms / 1000.0, 'unixepoch') AS stopped_at,
       stop.frame_text,
       instr(record.flags, 'energy unknown') > 0                               AS energy_unknown
FROM entries AS record
LEFT JOIN account ON account.account_index = record.account_index
LEFT JOIN charge_point ON charge_point.id = record.charge_point
LEFT JOIN received_stop AS stop ON stop.id = record.received_stop
WHERE record.review IS NOT NULL
   OR record.account_index = 0 AND record.consumed_wh > 0
   OR record.entry = 'record' AND record.flags LIKE '%register restarted%'
UNION ALL
SELECT 'T' || estimate.id,
       'transaction',
       CASE estimate.reason
           WHEN 'booted' THEN 'not stopped: its charger has started anew'
                              || iif(estimate.last_ms IS NULL, '', ' since its last reading')
           WHEN 'available' THEN 'not stopped: its connector is Available again'
           WHEN 'unseen' THEN 'not stopped: its charger was not seen for a day'
           ELSE 'orphaned: a new transaction began before this one was stopped' END
       || iif(estimate.last_ms IS NULL, ', and no reading has come', ''),
       charge_point.charge_point_id,
       estimate.connector_id,
       coalesce(account.account, estimate.account),
       estimate.id_tag,
       CAST(estimate.transaction_id AS TEXT),
       estimate.begin_wh,
       estimate.end_wh,
       estimate.end_wh - estimate.begin_wh,
       strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(estimate.started_ms, estimate.received_ms) / 1000.0,
                'unixepoch'),
       NULL,
       NULL,
       NOT estimate.is_known
FROM estimates AS estimate
LEFT JOIN account ON account.account_index = estimate.account_index
JOIN charge_point ON charge_point.id = estimate.charge_point
UNION ALL
SELECT number,
       'gap',
       'energy past the books',
       charge_point_id,
       connector_id,
       NULL,
       NULL,
       NULL,
       from_wh,
       to_wh,
       gap_wh,
       after,
       before,
       NULL,
       0
FROM gaps
WHERE gap_wh > 2                            -- chargers round by up to 2 Wh
  AND dismissed IS NULL
  -- A gap that begins where an orphaned transaction ends is decided with that transaction. SQLite
  -- builds the set of NOT IN only once; there may be thousands of gaps and of transactions.
  AND (charge_point_id, coalesce(connector_id, -1), from_wh) NOT IN (
      SELECT charge_point.charge_point_id, estimates.connector_id, estimates.end_wh
      FROM estimates JOIN charge_point ON charge_point.id = estimates.charge_point);

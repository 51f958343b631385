-- What people and reports read. Times end in _at (UTC, ISO 8601) unless they say local.
-- Made again at every migration whose text differs; the tables below them may change.

CREATE VIEW accounting AS
SELECT record.local_time                                                       AS localtime,
       record.billed_ms / 1000                                                 AS unixtime,
       record.account,
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
       record.stop_reason,
       record.provenance,
       record.review,
       record.flags,
       record.month,
       stop.repeats,
       record.file_name,
       record.id                                                               AS number
FROM accounting_record AS record
JOIN charge_point ON charge_point.id = record.charge_point
JOIN received_stop AS stop ON stop.id = record.received_stop
LEFT JOIN started_transaction AS started ON started.id = record.started_transaction;

CREATE VIEW monthly_consumption AS
SELECT CAST(substr(month, 1, 4) AS INTEGER)  AS year,
       CAST(substr(month, 6, 2) AS INTEGER)  AS month,
       account,
       count(*)                              AS transactions,
       sum(consumed_wh)                      AS wh,
       round(sum(consumed_wh) / 1000.0, 3)   AS kwh
FROM accounting_record
WHERE review IS NULL
GROUP BY accounting_record.month, account;

CREATE VIEW open_transactions AS
SELECT started.transaction_id,
       charge_point.charge_point_id,
       started.connector_id,
       started.id_tag,
       started.account,
       started.status,
       started.state,
       started.meter_start_wh,
       latest.register_wh - started.meter_start_wh                               AS consumed_wh,
       latest.power_w,
       strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(started.started_ms, started.received_ms) / 1000.0,
                'unixepoch')                                                     AS started_at
FROM started_transaction AS started
JOIN charge_point ON charge_point.id = started.charge_point
LEFT JOIN meter_reading AS latest ON latest.id = (
    SELECT max(id) FROM meter_reading WHERE started_transaction = started.id)
WHERE started.state <> 'stopped';

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
       strftime('%Y-%m-%dT%H:%M:%fZ', connection.connected_ms / 1000.0, 'unixepoch') AS connected_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', charge_point.booted_ms / 1000.0, 'unixepoch')  AS booted_at
FROM charge_point
LEFT JOIN connection ON connection.charge_point = charge_point.id;

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

CREATE VIEW meter_values AS
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
       coalesce(json_extract(sample.value, '$.format'), 'Raw')                         AS format
FROM (SELECT frame, charge_point, connector_id, started_transaction
      FROM meter_reading GROUP BY frame) AS reading
JOIN frame ON frame.id = reading.frame AND json_valid(frame.text)
JOIN charge_point ON charge_point.id = reading.charge_point
LEFT JOIN started_transaction AS started ON started.id = reading.started_transaction
JOIN json_each(frame.text, iif(frame.action = 'StopTransaction',
                               '$[3].transactionData', '$[3].meterValue')) AS entry
JOIN json_each(entry.value, '$.sampledValue') AS sample
WHERE entry.type = 'object' AND sample.type = 'object';

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
       strftime('%Y-%m-%dT%H:%M:%fZ', call.settled_ms / 1000.0, 'unixepoch')  AS settled_at
FROM call
JOIN charge_point ON charge_point.id = call.charge_point;

CREATE VIEW waiting_calls AS
SELECT call_id, charge_point_id, action, payload, state, queued_at, sent_at, deadline_at
FROM calls
WHERE state IN ('queued', 'sent');

CREATE VIEW review AS
SELECT record.id                                                               AS number,
       'record'                                                                AS kind,
       record.review                                                           AS reason,
       charge_point.charge_point_id,
       record.connector_id,
       record.account,
       record.id_tag,
       stop.transaction_id_text                                                AS transaction_id,
       record.begin_wh,
       record.end_wh,
       record.consumed_wh,
       strftime('%Y-%m-%dT%H:%M:%fZ', record.stopped_ms / 1000.0, 'unixepoch') AS stopped_at,
       stop.frame_text
FROM accounting_record AS record
JOIN charge_point ON charge_point.id = record.charge_point
JOIN received_stop AS stop ON stop.id = record.received_stop
WHERE record.review IS NOT NULL
UNION ALL
SELECT started.id,
       'transaction',
       'orphaned: a new transaction began before this one was stopped',
       charge_point.charge_point_id,
       started.connector_id,
       started.account,
       started.id_tag,
       CAST(started.transaction_id AS TEXT),
       started.meter_start_wh,
       latest.register_wh,
       max(latest.register_wh - started.meter_start_wh, 0),
       NULL,
       NULL
FROM started_transaction AS started
JOIN charge_point ON charge_point.id = started.charge_point
LEFT JOIN meter_reading AS latest ON latest.id = (
    SELECT max(id) FROM meter_reading
    WHERE started_transaction = started.id AND register_wh IS NOT NULL)
WHERE started.state = 'orphaned';

CREATE VIEW gaps AS
SELECT charge_point_id,
       connector_id,
       previous_wh           AS from_wh,
       begin_wh              AS to_wh,
       begin_wh - previous_wh AS gap_wh,
       strftime('%Y-%m-%dT%H:%M:%fZ', previous_ms / 1000.0, 'unixepoch') AS after,
       strftime('%Y-%m-%dT%H:%M:%fZ', started_ms / 1000.0, 'unixepoch')  AS before
FROM (
    SELECT charge_point.charge_point_id,
           record.connector_id,
           record.begin_wh,
           record.started_ms,
           lag(record.end_wh) OVER connector_in_time     AS previous_wh,
           lag(record.stopped_ms) OVER connector_in_time AS previous_ms
    FROM accounting_record AS record
    JOIN charge_point ON charge_point.id = record.charge_point
    WHERE record.provenance <> 'unmatched'
    WINDOW connector_in_time AS (
        PARTITION BY record.charge_point, record.connector_id ORDER BY record.stopped_ms, record.id)
)
WHERE begin_wh > previous_wh;

-- Fewer indices: each row of many Charge Points that speak by turns touched a page of its own in
-- every one of them. Which blocks of 1024 rows hold any of a Charge Point is enough to find its rows.

CREATE TABLE frame_block (
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    block        INTEGER NOT NULL,      -- a frame's id / 1024
    PRIMARY KEY (charge_point, block)
) STRICT, WITHOUT ROWID;

CREATE TABLE meter_reading_block (
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    block        INTEGER NOT NULL,      -- a reading's id / 1024
    PRIMARY KEY (charge_point, block)
) STRICT, WITHOUT ROWID;

INSERT INTO frame_block
SELECT DISTINCT charge_point, id / 1024 FROM frame WHERE charge_point IS NOT NULL;

INSERT INTO meter_reading_block
SELECT DISTINCT charge_point, id / 1024 FROM meter_reading;

DROP INDEX frame_by_charge_point;
DROP INDEX meter_reading_by_connector;

-- Serials are compared without regard to case.
DROP INDEX charge_point_by_serial;
CREATE INDEX charge_point_by_serial ON charge_point (serial COLLATE NOCASE);

-- What is asked of a month's accounts is found with the month (accounting_record_of_month).
DROP INDEX accounting_record_by_month;

-- The audit of a month begins with the last claims before it.
CREATE INDEX accounting_record_by_time
    ON accounting_record (charge_point, coalesce(started_ms, stopped_ms)) WHERE review IS NULL;
CREATE INDEX accounting_record_fallen      -- these reach higher than they end
    ON accounting_record (charge_point) WHERE review IS NULL AND end_wh < begin_wh;

-- Nothing asks by a reading or by the key of a stop any more, and of a start with a clock
-- started_transaction_once has the key.
DROP INDEX started_transaction_by_reading;
DROP INDEX received_stop_by_key;
DROP INDEX started_transaction_by_key;
CREATE INDEX started_transaction_without_clock
    ON started_transaction (charge_point, start_key) WHERE has_clock = 0;

-- What a human decides is an accounting record of its own, which names the one it replaces.
-- A record may also come from the seed's files, without a stop and maybe without a Charge Point.

DROP VIEW IF EXISTS review;
DROP VIEW IF EXISTS gaps;
DROP VIEW IF EXISTS monthly_consumption;
DROP VIEW IF EXISTS accounting;
DELETE FROM property WHERE name = 'views';

ALTER TABLE started_transaction ADD COLUMN assigned_by TEXT;  -- who gave it to another account
CREATE INDEX started_transaction_by_charge_point ON started_transaction (charge_point);

CREATE TABLE accounting_record_now (
    id                  INTEGER PRIMARY KEY,
    entry               TEXT NOT NULL
                        CHECK (entry IN ('record', 'reversal', 'replacement', 'dismissal')),
    replaces            INTEGER REFERENCES accounting_record_now (id),
    received_stop       INTEGER UNIQUE REFERENCES received_stop (id),
    charge_point        INTEGER REFERENCES charge_point (id),
    started_transaction INTEGER REFERENCES started_transaction (id),
    month               TEXT NOT NULL,      -- YYYY-MM of the local time
    local_time          TEXT NOT NULL,      -- YYYY-MM-DD HH:MM:SS
    billed_ms           INTEGER NOT NULL,
    account_index       INTEGER NOT NULL,
    account             TEXT NOT NULL,
    connector_id        INTEGER,
    id_tag              TEXT,
    begin_wh            INTEGER NOT NULL,
    end_wh              INTEGER NOT NULL,
    consumed_wh         INTEGER NOT NULL CHECK (consumed_wh >= 0 OR entry = 'reversal'),
    begin_kwh           INTEGER NOT NULL,
    end_kwh             INTEGER NOT NULL,
    consumed_kwh        INTEGER NOT NULL,
    started_ms          INTEGER,
    stopped_ms          INTEGER NOT NULL,
    booked_ms           INTEGER NOT NULL,
    duration_s          INTEGER,
    stop_reason         TEXT NOT NULL,
    provenance          TEXT NOT NULL
                        CHECK (provenance IN ('started', 'decoded', 'unmatched', 'imported', 'decided')),
    review              TEXT,               -- why a human must decide; NULL: booked
    flags               TEXT NOT NULL DEFAULT '',
    decided_by          TEXT,
    decided_why         TEXT,
    file_name           TEXT NOT NULL UNIQUE,
    exported_ms         INTEGER,            -- NULL: its file is still to be written
    CHECK ((entry = 'record') = (decided_by IS NULL))
) STRICT;

INSERT INTO accounting_record_now
SELECT id, 'record', NULL, received_stop, charge_point, started_transaction, month, local_time,
       billed_ms, account_index, account, connector_id, id_tag, begin_wh, end_wh, consumed_wh,
       begin_kwh, end_kwh, consumed_kwh, started_ms, stopped_ms, booked_ms, duration_s, stop_reason,
       provenance, review, flags, NULL, NULL, file_name, exported_ms
FROM accounting_record;

DROP TABLE accounting_record;
ALTER TABLE accounting_record_now RENAME TO accounting_record;

CREATE INDEX accounting_record_by_month ON accounting_record (month, account);
CREATE INDEX accounting_record_by_reading
    ON accounting_record (charge_point, end_wh) WHERE review IS NULL;
CREATE INDEX accounting_record_by_kwh      -- twins among the files of the seed's scripts
    ON accounting_record (begin_kwh, end_kwh) WHERE review IS NULL;
CREATE INDEX accounting_record_under_review ON accounting_record (id) WHERE review IS NOT NULL;
CREATE INDEX accounting_record_to_export ON accounting_record (id) WHERE exported_ms IS NULL;
-- A record is decided on once: a second decision is about the entry that the first one made.
CREATE UNIQUE INDEX accounting_record_replaced
    ON accounting_record (replaces, entry = 'reversal') WHERE replaces IS NOT NULL;

-- Each reading says where its values come from, each record keeps its number for ever, and a human
-- may end a transaction that its charger has forgotten.

-- Readings: the location and phases of the samples, by the table in shocpp/ocpp/meter_values/quantities.py. NULL
-- in old rows.

ALTER TABLE meter_reading ADD COLUMN register_source TEXT;
ALTER TABLE meter_reading ADD COLUMN power_source TEXT;
ALTER TABLE started_transaction ADD COLUMN register_source TEXT;    -- the best one so far

-- Transactions that have lapsed or are ended by hand: a late stop looks for the entries of humans
-- at its Charge Point, which are few.

CREATE INDEX accounting_record_replacement
    ON accounting_record (charge_point) WHERE entry = 'replacement';

-- The numbers of records:

-- The name of the case that a decision is about, for ever: the first record of its chain of
-- decisions (12), or the transaction that it has ended (T5). NULL: the record's own number.
ALTER TABLE accounting_record ADD COLUMN root TEXT;

UPDATE accounting_record
SET root = (
    WITH RECURSIVE earlier (id, replaces, entry, started_transaction) AS (
        SELECT accounting_record.id, accounting_record.replaces, accounting_record.entry,
               accounting_record.started_transaction
        UNION ALL
        SELECT record.id, record.replaces, record.entry, record.started_transaction
        FROM earlier JOIN accounting_record AS record ON record.id = earlier.replaces)
    SELECT iif(entry = 'record' OR started_transaction IS NULL,
               CAST(id AS TEXT), 'T' || started_transaction)
    FROM earlier
    WHERE replaces IS NULL)
WHERE entry <> 'record';

CREATE INDEX accounting_record_by_root ON accounting_record (root) WHERE root IS NOT NULL;

-- All files of records are written once more, with the number of the record.
UPDATE accounting_record SET exported_ms = NULL;

CREATE TABLE renumbering (
    -- A record that got another number, because an older one has its former number.
    id            INTEGER PRIMARY KEY,
    file_name     TEXT NOT NULL,            -- that of the record
    number        INTEGER NOT NULL,
    former_number INTEGER NOT NULL,
    decided_by    TEXT NOT NULL,
    decided_why   TEXT NOT NULL,
    booked_ms     INTEGER NOT NULL,
    exported_ms   INTEGER,                  -- NULL: its file is still to be written
    UNIQUE (file_name, number)
) STRICT;

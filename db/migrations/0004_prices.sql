-- A price is frozen beside its record and never changes; a month is closed once, each closing linked
-- to the one before by its hash; what meters have signed is kept as they wrote it.

ALTER TABLE accounting_record ADD COLUMN charging_s INTEGER;  -- how long energy flowed, if that is known

CREATE INDEX accounting_record_of_month ON accounting_record (month, billed_ms, id);

CREATE TABLE price (
    record            INTEGER PRIMARY KEY REFERENCES accounting_record (id),
    priced_ms         INTEGER NOT NULL,
    amount_ct         INTEGER NOT NULL,     -- rounded once, half up
    microeuro_per_kwh INTEGER,              -- NULL: its parts have several
    note              TEXT                  -- how it was split
) STRICT;

CREATE TABLE price_part (
    record            INTEGER NOT NULL REFERENCES price (record),
    part              INTEGER NOT NULL,
    began_ms          INTEGER,
    ended_ms          INTEGER NOT NULL,
    wh                INTEGER NOT NULL,
    basis             TEXT NOT NULL CHECK (basis IN ('own', 'flat')),
    rate              TEXT NOT NULL,        -- HT, NT …; empty: there is only one
    valid_from        TEXT NOT NULL,        -- YYYY-MM-DD
    microeuro_per_kwh INTEGER NOT NULL,
    vat_bp            INTEGER,              -- 1900: 19 %; NULL: the paper says nothing of VAT
    vat_included      INTEGER NOT NULL CHECK (vat_included IN (0, 1)),
    amount_ct         INTEGER NOT NULL,     -- its share of the record's
    PRIMARY KEY (record, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE closed_month (
    number         INTEGER PRIMARY KEY,     -- its place in the chain, from 1
    month          TEXT NOT NULL UNIQUE,    -- YYYY-MM
    closed_ms      INTEGER NOT NULL,
    closed_by      TEXT NOT NULL,
    content        TEXT NOT NULL,           -- the paper besides its records, as JSON
    records        INTEGER NOT NULL,        -- how many
    records_digest TEXT NOT NULL,           -- SHA-256 of all of them
    previous       TEXT NOT NULL,           -- the hash of the link before; the first has none: ''
    hash           TEXT NOT NULL UNIQUE,
    exported_ms    INTEGER                  -- NULL: its file is still to be written
) STRICT;

-- Nothing comes into a closed month, whoever writes.
CREATE TRIGGER closed_month_takes_no_record BEFORE INSERT ON accounting_record
WHEN EXISTS (SELECT 1 FROM closed_month WHERE month = NEW.month)
BEGIN SELECT raise(ABORT, 'the month of this record is closed'); END;

CREATE TRIGGER closed_month_takes_no_price BEFORE INSERT ON price
WHEN EXISTS (SELECT 1 FROM closed_month
             WHERE month = (SELECT month FROM accounting_record WHERE id = NEW.record))
BEGIN SELECT raise(ABORT, 'the month of this record is closed'); END;

CREATE TABLE signed_value (
    id                  INTEGER PRIMARY KEY,
    charge_point        INTEGER NOT NULL REFERENCES charge_point (id),
    connector_id        INTEGER NOT NULL,
    started_transaction INTEGER REFERENCES started_transaction (id),
    received_stop       INTEGER REFERENCES received_stop (id),
    sampled_text        TEXT,               -- the charger's own time
    context             TEXT,
    measurand           TEXT,
    sample              TEXT NOT NULL,      -- the sampledValue object as JSON, signature and all
    received_ms         INTEGER NOT NULL
) STRICT;

CREATE INDEX signed_value_by_transaction
    ON signed_value (started_transaction, sampled_text) WHERE started_transaction IS NOT NULL;
CREATE INDEX signed_value_by_stop
    ON signed_value (received_stop) WHERE received_stop IS NOT NULL;
CREATE INDEX accounting_record_by_transaction
    ON accounting_record (started_transaction) WHERE started_transaction IS NOT NULL;

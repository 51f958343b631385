-- An exchange, a frame of a Charge Point and our answer, is one row. Rows of older versions stay as
-- they are: there the answer is a row of its own, the next one.

ALTER TABLE frame ADD COLUMN answer TEXT;           -- NULL: none, or the next row of an old database
ALTER TABLE frame ADD COLUMN answered_ms INTEGER;

-- Rows get their keys from the engine, and several writers take turns: the readings of a frame need
-- not have consecutive ids.

ALTER TABLE meter_reading ADD COLUMN position INTEGER;  -- in its frame, from 0; NULL in old rows

-- The workers of one database must have the same files in force: their cards, chargers and prices.

ALTER TABLE worker ADD COLUMN conf TEXT;            -- digests by name of the file, as JSON
ALTER TABLE worker ADD COLUMN conf_ms INTEGER;      -- since when these are in force

-- Effects of Calls: what Charge Points have confirmed.

CREATE TABLE new_password (
    -- The password in a Call, until it is in charge_points.json. It is in force unless the Charge
    -- Point refuses it: its confirmation may be lost, and it must be able to come back.
    id            INTEGER PRIMARY KEY,
    call_id       TEXT NOT NULL UNIQUE,     -- a Call may be purged before the file is written
    charge_point  INTEGER NOT NULL REFERENCES charge_point (id),
    password_hash TEXT NOT NULL,
    replaces      TEXT NOT NULL             -- the newest hash before it, or none, or unlisted
) STRICT;

CREATE TABLE configuration_value (
    charge_point   INTEGER NOT NULL REFERENCES charge_point (id),
    key            TEXT NOT NULL COLLATE NOCASE,    -- OCPP 1.6 §7.37: CiString50Type
    known          INTEGER,                 -- 0: the Charge Point has no such key
    value          TEXT,                    -- as it was read
    readonly       INTEGER,
    read_ms        INTEGER,
    set_value      TEXT,                    -- as it was set
    set_ms         INTEGER,
    needs_reboot   INTEGER,                 -- 1: it takes effect after a reboot
    PRIMARY KEY (charge_point, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE availability (
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    connector_id INTEGER NOT NULL,          -- 0: the whole Charge Point
    requested    TEXT NOT NULL,             -- Operative or Inoperative
    status       TEXT NOT NULL,             -- Accepted, or Scheduled: after the transaction
    confirmed_ms INTEGER NOT NULL,
    PRIMARY KEY (charge_point, connector_id)
) STRICT, WITHOUT ROWID;

-- The feed: which workers publish changes to subscribers, and the changes of other processes that
-- they have yet to publish. Nothing is 0, -1 or '': NULLs would not be equal in the primary key.

ALTER TABLE worker ADD COLUMN watching INTEGER NOT NULL DEFAULT 0;

CREATE TABLE change_notice (
    worker       TEXT NOT NULL,
    kind         TEXT NOT NULL,
    charge_point INTEGER NOT NULL,
    connector_id INTEGER NOT NULL,
    key          TEXT NOT NULL,
    PRIMARY KEY (worker, kind, charge_point, connector_id, key)
) STRICT, WITHOUT ROWID;

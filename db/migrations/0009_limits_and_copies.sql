-- A charger's share of the disk is limited, old readings are thinned out, and copies leave a trace.

-- Host and port that the server of a worker listens on, such as 0.0.0.0:8080; NULL without one.
ALTER TABLE worker ADD COLUMN listens TEXT;

-- The limits of a charger:

CREATE TABLE dropped_frame (
    -- The frames of a charger over its budget, of which only the lengths are stored.
    charge_point INTEGER NOT NULL,          -- 0 without an identity
    day          TEXT NOT NULL,             -- YYYY-MM-DD, in UTC
    action       TEXT NOT NULL,
    frames       INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    PRIMARY KEY (charge_point, day, action)
) STRICT, WITHOUT ROWID;

-- The time of the last StatusNotification: not each of them has a row in status_event.
ALTER TABLE connector ADD COLUMN received_ms INTEGER;

-- Thinning and copies:

-- The payload with its secrets, encrypted by the key in the file beside the database; NULL once it
-- is sent, and without secrets. `payload` never has any.
ALTER TABLE call ADD COLUMN sealed TEXT;

-- Connections:

-- 1: it hung up when it was called after a reconnect without a BootNotification
ALTER TABLE charge_point ADD COLUMN calls_need_boot INTEGER NOT NULL DEFAULT 0;

CREATE TABLE name_claim (
    token        TEXT PRIMARY KEY,          -- a connection that waits for a name that is taken
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    worker       TEXT NOT NULL,
    is_free      INTEGER NOT NULL DEFAULT 0 -- 1: the connection that held it has ended
) STRICT, WITHOUT ROWID;

CREATE INDEX name_claim_by_charge_point ON name_claim (charge_point);


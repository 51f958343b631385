-- A charger's share of the disk is limited, old readings are thinned out, and copies leave a trace.

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

-- Connections:


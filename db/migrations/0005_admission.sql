-- Who was not let in, with which password who was, and whose name is claimed by two.

CREATE TABLE refused_attempt (
    charge_point_id TEXT NOT NULL,          -- as claimed; empty where no name was told
    address         TEXT NOT NULL,
    reason          TEXT NOT NULL,
    told            TEXT NOT NULL,          -- what was shown instead: an Origin, a user name …
    attempts        INTEGER NOT NULL,
    first_ms        INTEGER NOT NULL,
    last_ms         INTEGER NOT NULL,
    PRIMARY KEY (charge_point_id, address, reason)
) STRICT, WITHOUT ROWID;

CREATE INDEX refused_attempt_by_time ON refused_attempt (last_ms);

CREATE TABLE shown_password (
    -- The newest password of a Charge Point that it has shown: earlier ones count no more.
    identity_key TEXT PRIMARY KEY,
    password     TEXT NOT NULL,             -- a digest of its hash
    shown_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE contested (
    token  TEXT PRIMARY KEY,                -- a connection that has to show that it is alive
    worker TEXT NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE connection ADD COLUMN authenticated INTEGER NOT NULL DEFAULT 0;

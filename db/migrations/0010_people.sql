-- Who may use the pages: invitations, and the devices and tokens that they have become.

-- A part of the name of the devices' cookie: browsers send a cookie to every port of a host.
INSERT OR IGNORE INTO property VALUES ('cookie_suffix', lower(hex(randomblob(4))));

CREATE TABLE invitation (
    id          INTEGER PRIMARY KEY,
    token_hash  TEXT NOT NULL UNIQUE,       -- SHA-256 of the token in its link, in hex
    name        TEXT NOT NULL,              -- signs the decisions of the device
    role        TEXT NOT NULL,
    account     TEXT,                       -- of a driver, otherwise NULL
    is_printed  INTEGER NOT NULL,           -- 1: by the server at its start; the next one voids it
    made_ms     INTEGER NOT NULL,
    made_by     TEXT NOT NULL,
    expires_ms  INTEGER NOT NULL,
    outcome     TEXT,                       -- used, expired, voided or revoked; NULL while it is open
    ended_ms    INTEGER
) STRICT;

CREATE INDEX invitation_open ON invitation (expires_ms) WHERE outcome IS NULL;

CREATE TABLE device (
    -- A browser with a cookie, or a program with a token. Rows stay, so a number names one for ever.
    id           INTEGER PRIMARY KEY,
    secret_hash  TEXT NOT NULL UNIQUE,      -- SHA-256 of its secret, in hex
    is_program   INTEGER NOT NULL,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL,
    account      TEXT,
    web_user     TEXT,                      -- of nginx; NULL, or its role in people.json is in force
    made_ms      INTEGER NOT NULL,
    made_by      TEXT NOT NULL,
    last_used_ms INTEGER NOT NULL,          -- to the hour
    revoked_ms   INTEGER
) STRICT;

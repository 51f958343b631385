-- The tables are ours and may change; the views in db/views.sql are the interface.
-- Energies are whole Wh, moments are milliseconds since 1970 in UTC.

CREATE TABLE property (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    -- An index, once used, stays bound to its name: it is part of ids that are still under way.
    account_index INTEGER PRIMARY KEY CHECK (account_index BETWEEN 0 AND 214),
    account       TEXT NOT NULL
) STRICT;

CREATE TABLE charge_point (
    id              INTEGER PRIMARY KEY,
    charge_point_id TEXT NOT NULL,          -- the identity as first written
    identity_key    TEXT NOT NULL UNIQUE,   -- the identity as compared
    serial          TEXT,
    vendor          TEXT,
    model           TEXT,
    firmware        TEXT,
    meter_serial    TEXT,
    booted_ms       INTEGER,
    first_heard_ms  INTEGER NOT NULL,
    last_heard_ms   INTEGER NOT NULL
) STRICT;

CREATE INDEX charge_point_by_serial ON charge_point (serial);

CREATE TABLE worker (
    worker     TEXT PRIMARY KEY,
    bell       TEXT NOT NULL,               -- the FIFO that wakes it
    pid        INTEGER NOT NULL,
    started_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE connection (
    charge_point INTEGER PRIMARY KEY REFERENCES charge_point (id),
    token        TEXT NOT NULL UNIQUE,      -- an older connection cannot act for a newer one
    worker       TEXT NOT NULL,
    remote       TEXT NOT NULL,
    connected_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX connection_by_worker ON connection (worker);

CREATE TABLE superseded (
    token  TEXT PRIMARY KEY,                -- a connection that its worker has yet to close
    worker TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE connector (
    charge_point      INTEGER NOT NULL REFERENCES charge_point (id),
    connector_id      INTEGER NOT NULL,
    status            TEXT NOT NULL,
    error_code        TEXT NOT NULL,
    info              TEXT,
    vendor_id         TEXT,
    vendor_error_code TEXT,
    since_ms          INTEGER NOT NULL,
    PRIMARY KEY (charge_point, connector_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE status_event (
    id                INTEGER PRIMARY KEY,
    charge_point      INTEGER NOT NULL REFERENCES charge_point (id),
    connector_id      INTEGER NOT NULL,
    status            TEXT NOT NULL,
    error_code        TEXT NOT NULL,
    info              TEXT,
    vendor_id         TEXT,
    vendor_error_code TEXT,
    reported_ms       INTEGER,
    received_ms       INTEGER NOT NULL
) STRICT;

CREATE INDEX status_event_by_connector ON status_event (charge_point, connector_id, id);

CREATE TABLE started_transaction (
    id             INTEGER PRIMARY KEY,
    charge_point   INTEGER NOT NULL REFERENCES charge_point (id),
    transaction_id INTEGER NOT NULL CHECK (transaction_id BETWEEN 1 AND 2147483647),
    connector_id   INTEGER NOT NULL,
    id_tag         TEXT NOT NULL,           -- as the charger wrote it
    id_tag_key     TEXT NOT NULL,           -- as compared
    account_index  INTEGER NOT NULL,
    account        TEXT NOT NULL,           -- stays, whatever happens to the card meanwhile
    status         TEXT NOT NULL
                   CHECK (status IN ('Accepted', 'Blocked', 'Expired', 'Invalid', 'ConcurrentTx')),
    state          TEXT NOT NULL CHECK (state IN ('open', 'orphaned', 'stopped')),
    meter_start_wh INTEGER NOT NULL,
    start_known    INTEGER NOT NULL CHECK (start_known IN (0, 1)),
    meter_stop_wh  INTEGER,
    started_ms     INTEGER,                 -- NULL where the charger's time is implausible
    stopped_ms     INTEGER,                 -- the same
    started_text   TEXT,
    received_ms    INTEGER NOT NULL,
    reservation_id INTEGER,
    start_key      TEXT NOT NULL,
    has_clock      INTEGER NOT NULL CHECK (has_clock IN (0, 1)),
    last_record    INTEGER NOT NULL,        -- the newest accounting record when it began
    repeats        INTEGER NOT NULL DEFAULT 0,
    flags          TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX started_transaction_by_key ON started_transaction (charge_point, start_key);
CREATE UNIQUE INDEX started_transaction_once
    ON started_transaction (charge_point, start_key) WHERE has_clock = 1;
CREATE INDEX started_transaction_by_id ON started_transaction (transaction_id, charge_point);
CREATE INDEX started_transaction_unstopped
    ON started_transaction (charge_point, connector_id) WHERE state <> 'stopped';
CREATE INDEX started_transaction_open_by_tag
    ON started_transaction (id_tag_key) WHERE state = 'open';
CREATE INDEX started_transaction_by_reading
    ON started_transaction (charge_point, connector_id, meter_start_wh);

CREATE TABLE received_stop (
    id                  INTEGER PRIMARY KEY,
    charge_point        INTEGER NOT NULL REFERENCES charge_point (id),
    started_transaction INTEGER REFERENCES started_transaction (id),
    transaction_id_text TEXT NOT NULL,      -- as the charger wrote it: -1, 9223372036854775807 …
    meter_stop_wh       INTEGER,
    stopped_ms          INTEGER,
    stopped_text        TEXT,
    id_tag              TEXT,
    reason              TEXT NOT NULL,
    received_ms         INTEGER NOT NULL,
    last_start          INTEGER NOT NULL,   -- the newest transaction of its Charge Point then
    stop_key            TEXT NOT NULL,
    anonymous_key       TEXT NOT NULL,      -- the key of a repeat with id -1 or 0
    has_clock           INTEGER NOT NULL CHECK (has_clock IN (0, 1)),
    repeats             INTEGER NOT NULL DEFAULT 0,
    frame_text          TEXT                -- the whole frame, where a human has to decide
) STRICT;

CREATE INDEX received_stop_by_key ON received_stop (charge_point, stop_key);
CREATE UNIQUE INDEX received_stop_once
    ON received_stop (charge_point, stop_key) WHERE has_clock = 1;
CREATE INDEX received_stop_by_anonymous_key ON received_stop (charge_point, anonymous_key);

CREATE TABLE accounting_record (
    id                  INTEGER PRIMARY KEY,
    received_stop       INTEGER NOT NULL UNIQUE REFERENCES received_stop (id),
    charge_point        INTEGER NOT NULL REFERENCES charge_point (id),
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
    consumed_wh         INTEGER NOT NULL CHECK (consumed_wh >= 0),
    begin_kwh           INTEGER NOT NULL,
    end_kwh             INTEGER NOT NULL,
    consumed_kwh        INTEGER NOT NULL,
    started_ms          INTEGER,
    stopped_ms          INTEGER NOT NULL,
    booked_ms           INTEGER NOT NULL,
    duration_s          INTEGER,
    stop_reason         TEXT NOT NULL,
    provenance          TEXT NOT NULL CHECK (provenance IN ('started', 'decoded', 'unmatched')),
    review              TEXT,               -- why a human must decide; NULL: booked
    flags               TEXT NOT NULL DEFAULT '',
    file_name           TEXT NOT NULL UNIQUE,
    exported_ms         INTEGER             -- NULL: its file is still to be written
) STRICT;

CREATE INDEX accounting_record_by_month ON accounting_record (month, account);
CREATE INDEX accounting_record_by_reading
    ON accounting_record (charge_point, end_wh) WHERE review IS NULL;
CREATE INDEX accounting_record_under_review ON accounting_record (id) WHERE review IS NOT NULL;
CREATE INDEX accounting_record_to_export ON accounting_record (id) WHERE exported_ms IS NULL;

CREATE TABLE frame (
    id           INTEGER PRIMARY KEY,
    charge_point INTEGER REFERENCES charge_point (id),
    direction    TEXT NOT NULL CHECK (direction IN ('in', 'out')),
    action       TEXT NOT NULL,
    moment_ms    INTEGER NOT NULL,
    text         TEXT NOT NULL              -- verbatim but for secrets
) STRICT;

CREATE INDEX frame_by_charge_point ON frame (charge_point, id);
CREATE INDEX frame_to_purge ON frame (moment_ms)    -- those with energy outlive the retention
    WHERE action NOT IN ('StartTransaction', 'StopTransaction', 'MeterValues');

CREATE TABLE meter_reading (
    id                  INTEGER PRIMARY KEY,
    charge_point        INTEGER NOT NULL REFERENCES charge_point (id),
    connector_id        INTEGER NOT NULL,
    started_transaction INTEGER REFERENCES started_transaction (id),
    sampled_ms          INTEGER,
    received_ms         INTEGER NOT NULL,
    register_wh         INTEGER,
    power_w             INTEGER,
    frame               INTEGER NOT NULL    -- where all its samples are
) STRICT;

CREATE INDEX meter_reading_by_connector ON meter_reading (charge_point, connector_id, id);
CREATE INDEX meter_reading_by_transaction
    ON meter_reading (started_transaction, id) WHERE started_transaction IS NOT NULL;

CREATE TABLE data_transfer (
    id           INTEGER PRIMARY KEY,
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    vendor_id    TEXT NOT NULL,
    message_id   TEXT,
    content      TEXT,
    received_ms  INTEGER NOT NULL
) STRICT;

CREATE TABLE progress_event (
    id           INTEGER PRIMARY KEY,
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    action       TEXT NOT NULL,             -- FirmwareStatusNotification and its like
    status       TEXT NOT NULL,
    request_id   INTEGER,
    received_ms  INTEGER NOT NULL
) STRICT;

CREATE TABLE security_event (
    id           INTEGER PRIMARY KEY,
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    event        TEXT NOT NULL,
    tech_info    TEXT,
    reported_ms  INTEGER,
    received_ms  INTEGER NOT NULL
) STRICT;

CREATE TABLE certificate_request (
    id           INTEGER PRIMARY KEY,
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    csr          TEXT NOT NULL,
    received_ms  INTEGER NOT NULL
) STRICT;

CREATE TABLE call (
    id                INTEGER PRIMARY KEY,
    call_id           TEXT NOT NULL UNIQUE, -- the unique id on the wire
    charge_point      INTEGER NOT NULL REFERENCES charge_point (id),
    action            TEXT NOT NULL,
    payload           TEXT NOT NULL,
    state             TEXT NOT NULL
                      CHECK (state IN ('queued', 'sent', 'answered', 'refused', 'expired', 'unknown')),
    queued_ms         INTEGER NOT NULL,
    deadline_ms       INTEGER NOT NULL,
    sent_ms           INTEGER,
    settled_ms        INTEGER,
    token             TEXT,                 -- the connection it went out on
    bell              TEXT,                 -- the FIFO of whoever waits for it
    confirmation      TEXT,
    error_code        TEXT,
    error_description TEXT
) STRICT;

CREATE INDEX call_queued ON call (charge_point, id) WHERE state = 'queued';
CREATE INDEX call_pending ON call (deadline_ms) WHERE state IN ('queued', 'sent');
CREATE INDEX call_by_token ON call (token) WHERE state = 'sent';

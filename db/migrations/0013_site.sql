-- Limits of current: the site's meter, what is decided, and what chargers have accepted.
-- Currents are whole mA of one phase.

CREATE TABLE site_reading (
    -- The readings of the site's meter; import from the grid is positive. Kept for days.
    id          INTEGER PRIMARY KEY,
    received_ms INTEGER NOT NULL,
    source      TEXT NOT NULL CHECK (source IN ('posted', 'polled')),
    l1_ma       INTEGER NOT NULL,
    l2_ma       INTEGER NOT NULL,
    l3_ma       INTEGER NOT NULL,
    is_sum      INTEGER NOT NULL            -- 1: they follow from the sum of all phases
) STRICT;

CREATE INDEX site_reading_by_time ON site_reading (received_ms);

CREATE TABLE site_peak (
    day   TEXT PRIMARY KEY,                 -- YYYY-MM-DD, in UTC
    l1_ma INTEGER NOT NULL,                 -- the highest load of the house without its chargers
    l2_ma INTEGER NOT NULL,
    l3_ma INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE observed_current (
    -- The newest currents that a charger has reported of a connector; NULL: not reported.
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    connector_id INTEGER NOT NULL,
    l1_ma        INTEGER,                   -- of the charger's own phases
    l2_ma        INTEGER,
    l3_ma        INTEGER,
    power_w      INTEGER,
    offered_ma   INTEGER,
    measured_ms  INTEGER NOT NULL,
    received_ms  INTEGER NOT NULL,
    PRIMARY KEY (charge_point, connector_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE set_point (
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    connector_id INTEGER NOT NULL,
    limit_ma     INTEGER,                   -- of its session; NULL: none
    base_ma      INTEGER,                   -- in force without the server; NULL: none
    phases       TEXT NOT NULL,             -- of the site, such as 'L1 L2'
    reason       TEXT NOT NULL,
    standing     TEXT NOT NULL,             -- how the charger treats its limits
    since_ms     INTEGER NOT NULL,
    sent_call    TEXT,                      -- the call_id of the newest limit that was sent
    sent_ms      INTEGER,
    confirmed_ma INTEGER,
    confirmed_ms INTEGER,
    observed_ma  INTEGER,                   -- the highest of its phases
    observed_ms  INTEGER,
    reckoned_ma  INTEGER NOT NULL,          -- what it may draw until the next decision
    writes       INTEGER NOT NULL,          -- limits that its charger was sent in 24 hours
    PRIMARY KEY (charge_point, connector_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE installed_profile (
    -- The charging profiles that chargers have accepted.
    charge_point   INTEGER NOT NULL REFERENCES charge_point (id),
    connector_id   INTEGER NOT NULL,
    purpose        TEXT NOT NULL,
    stack_level    INTEGER NOT NULL,
    profile_id     INTEGER NOT NULL,
    kind           TEXT NOT NULL,
    unit           TEXT NOT NULL,           -- of the limit as it was sent
    limit_ma       INTEGER NOT NULL,
    transaction_id INTEGER,
    starts_ms      INTEGER,                 -- NULL: the charger decides
    ends_ms        INTEGER,                 -- NULL: it does not end by itself
    firmware       TEXT,                    -- that has accepted it
    accepted_ms    INTEGER NOT NULL,
    PRIMARY KEY (charge_point, connector_id, purpose, stack_level)
) STRICT, WITHOUT ROWID;

CREATE TABLE refused_profile (
    -- The kinds of charging profiles that chargers have refused for a connector.
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    connector_id INTEGER NOT NULL,
    purpose      TEXT NOT NULL,
    kind         TEXT NOT NULL,
    stack_level  INTEGER NOT NULL,
    unit         TEXT NOT NULL,
    status       TEXT NOT NULL,
    firmware     TEXT,                      -- that has refused it
    refused_ms   INTEGER NOT NULL,
    PRIMARY KEY (charge_point, connector_id, purpose, kind, stack_level, unit)
) STRICT, WITHOUT ROWID;

CREATE TABLE unanswered_profile (
    -- The charging profiles that Calls without an answer may have set or removed.
    charge_point   INTEGER NOT NULL REFERENCES charge_point (id),
    connector_id   INTEGER NOT NULL,
    purpose        TEXT NOT NULL,
    stack_level    INTEGER NOT NULL,
    profile_id     INTEGER NOT NULL,
    call_id        TEXT,                    -- NULL: several
    limit_ma       INTEGER,                 -- the highest; NULL: it was to be removed only
    transaction_id INTEGER,
    ends_ms        INTEGER,                 -- NULL: it does not end by itself
    PRIMARY KEY (charge_point, connector_id, purpose, stack_level)
) STRICT, WITHOUT ROWID;

CREATE TABLE profile_write (
    -- Each profile that a charger was sent may be a write of its flash memory.
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    hour         INTEGER NOT NULL,          -- since 1970
    writes       INTEGER NOT NULL,
    PRIMARY KEY (charge_point, hour)
) STRICT, WITHOUT ROWID;

CREATE TABLE limit_choice (
    -- The limits that people have chosen.
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    connector_id INTEGER NOT NULL,          -- 0: all of them
    limit_ma     INTEGER NOT NULL,
    until_ms     INTEGER,                   -- NULL: until it is withdrawn
    chosen_by    TEXT NOT NULL,
    chosen_ms    INTEGER NOT NULL,
    PRIMARY KEY (charge_point, connector_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE site_state (
    -- The controller's memory from one decision to the next, as JSON.
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    state       TEXT NOT NULL,
    decided_ms  INTEGER NOT NULL,
    meter       TEXT NOT NULL,              -- the verdict on the site's meter
    fallback    INTEGER NOT NULL,           -- 1: limits do without the meter
    house_l1_ma INTEGER,                    -- the load of the house; NULL: unknown
    house_l2_ma INTEGER,
    house_l3_ma INTEGER
) STRICT;

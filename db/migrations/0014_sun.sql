-- Modes, the sun, switching of phases, and dimming by the grid operator.

-- A table that a view names cannot be replaced; views.sql makes the view again.
DROP VIEW IF EXISTS site;

CREATE TABLE new_site_reading (
    -- The readings of the site's meter; import from the grid is positive. Kept for days.
    id          INTEGER PRIMARY KEY,
    received_ms INTEGER NOT NULL,
    source      TEXT NOT NULL CHECK (source IN ('posted', 'polled', 'mqtt')),
    l1_ma       INTEGER NOT NULL,
    l2_ma       INTEGER NOT NULL,
    l3_ma       INTEGER NOT NULL,
    is_sum      INTEGER NOT NULL            -- 1: they follow from the sum of all phases
) STRICT;
INSERT INTO new_site_reading SELECT id, received_ms, source, l1_ma, l2_ma, l3_ma, is_sum
FROM site_reading;
DROP TABLE site_reading;
ALTER TABLE new_site_reading RENAME TO site_reading;
CREATE INDEX site_reading_by_time ON site_reading (received_ms);

ALTER TABLE installed_profile ADD COLUMN phases INTEGER NOT NULL DEFAULT 3;
ALTER TABLE set_point ADD COLUMN mode TEXT NOT NULL DEFAULT 'fast';
ALTER TABLE set_point ADD COLUMN next_ms INTEGER;  -- when it will change; NULL: unknown

CREATE TABLE mode_choice (
    -- The modes that people have chosen. A choice ends when its car leaves.
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    connector_id INTEGER NOT NULL,
    mode         TEXT NOT NULL,
    until_ms     INTEGER,                   -- NULL: until the car leaves
    goal_wh      INTEGER,                   -- NULL: no goal
    by_ms        INTEGER,                   -- by when the goal is to be reached; NULL: any time
    from_wh      INTEGER,                   -- the register from which the goal counts, once known
    chosen_by    TEXT NOT NULL,
    chosen_ms    INTEGER NOT NULL,
    car_ms       INTEGER,                   -- since when its car is there; NULL: not yet
    PRIMARY KEY (charge_point, connector_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE phase_command (
    -- The newest command for a number of phases, and what became of it.
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    connector_id INTEGER NOT NULL,
    phases       INTEGER NOT NULL,
    call_id      TEXT NOT NULL,
    sent_ms      INTEGER NOT NULL,
    accepted     INTEGER,                   -- the phases that the charger accepted last
    refused_ms   INTEGER,                   -- when it refused one; NULL: accepted one since
    PRIMARY KEY (charge_point, connector_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE dim_signal (
    -- The signal of the grid operator: its newest state counts, also after a restart.
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    is_dimmed   INTEGER NOT NULL,
    source      TEXT NOT NULL,
    received_ms INTEGER,                    -- NULL: none has come yet
    lost_ms     INTEGER                     -- since when the input is lost; NULL: it is there
) STRICT;

CREATE TABLE dimming (
    -- The log of the grid operator's dimmings, for ever.
    id       INTEGER PRIMARY KEY,
    began_ms INTEGER NOT NULL,
    ended_ms INTEGER,                       -- NULL: it goes on
    limit_w  INTEGER NOT NULL,              -- dimmed_w
    source   TEXT NOT NULL                  -- posted, polled, mqtt, or loss (of the input)
) STRICT;

CREATE TABLE site_minute (
    -- The energy of a minute at the site; NULL: no fresh reading of the meter covers it.
    minute       INTEGER PRIMARY KEY,       -- since 1970
    imported_mwh INTEGER,                   -- from the grid
    exported_mwh INTEGER,
    cars_mwh     INTEGER NOT NULL           -- of all cars, by what their chargers report
) STRICT;

CREATE TABLE drawn_power (
    -- What the car of a connector draws, for the picture of the day.
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    connector_id INTEGER NOT NULL,
    moment_ms    INTEGER NOT NULL,
    power_w      INTEGER NOT NULL,
    PRIMARY KEY (charge_point, connector_id, moment_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE set_point_change (
    -- The set points of the last days with their reasons.
    id           INTEGER PRIMARY KEY,
    charge_point INTEGER NOT NULL REFERENCES charge_point (id),
    connector_id INTEGER NOT NULL,
    moment_ms    INTEGER NOT NULL,
    limit_ma     INTEGER,                   -- of its session; NULL: none
    base_ma      INTEGER,                   -- in force without the server; NULL: none
    mode         TEXT NOT NULL,
    reason       TEXT NOT NULL,
    next_ms      INTEGER                    -- when it was to change; NULL: unknown
) STRICT;
CREATE INDEX set_point_change_by_time ON set_point_change (moment_ms);

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

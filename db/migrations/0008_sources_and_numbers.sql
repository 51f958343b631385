-- Each reading says where its values come from, each record keeps its number for ever, and a human
-- may end a transaction that its charger has forgotten.

-- Readings: the location and phases of the samples, by the table in shocpp/ocpp/quantities.py. NULL
-- in old rows.

ALTER TABLE meter_reading ADD COLUMN register_source TEXT;
ALTER TABLE meter_reading ADD COLUMN power_source TEXT;
ALTER TABLE started_transaction ADD COLUMN register_source TEXT;    -- the best one so far

-- Transactions that have lapsed or are ended by hand: a late stop looks for the entries of humans
-- at its Charge Point, which are few.

CREATE INDEX accounting_record_replacement
    ON accounting_record (charge_point) WHERE entry = 'replacement';

-- The numbers of records:

-- Accounts and cards:

-- The part of a record's energy that has not come from the grid.

ALTER TABLE accounting_record ADD COLUMN solar_wh INTEGER;  -- NULL: nobody knows it

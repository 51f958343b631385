-- Notes of people on sessions: kilometres and a text, on the statement of an open month.

CREATE TABLE session_note (
    -- The first record of a session, by its name; decisions about it keep the note.
    file_name   TEXT PRIMARY KEY,
    month       TEXT NOT NULL,              -- YYYY-MM, of that record
    km          INTEGER,                    -- of the car; NULL: none
    text        TEXT,                       -- NULL: none
    noted_by    TEXT NOT NULL,
    noted_ms    INTEGER NOT NULL,
    exported_ms INTEGER                     -- NULL: its file is still to be written
) STRICT;

-- The statement of a closed month is printed once, and kept as a file for ever.

CREATE TABLE statement_form (
    -- A PDF file beside that of a closing, of one account in one language.
    closing       INTEGER NOT NULL REFERENCES closed_month (number),
    account_index INTEGER NOT NULL,
    language      TEXT NOT NULL,
    name          TEXT,                     -- of its file; NULL: it is still to be made
    sha256        TEXT,                     -- of its bytes, in hex
    content       BLOB,                     -- its bytes while its file is still to be written
    PRIMARY KEY (closing, account_index, language),
    CHECK ((name IS NULL) = (sha256 IS NULL)),
    CHECK (content IS NULL OR sha256 IS NOT NULL)
) STRICT;

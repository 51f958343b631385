"""The files of records and closings in the accounting folder."""

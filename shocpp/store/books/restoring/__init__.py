"""The rows of a rebuild: records from files, and rows that a damaged database has lost."""

"""The schema of the database: its migrations."""

"""The SQLite database, the only package with SQL; also the doorbells and the list of workers."""

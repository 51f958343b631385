"""The file of the database: its header and identity, copies, locks, and the key beside it."""

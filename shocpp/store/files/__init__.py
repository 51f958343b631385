"""The file of the database: copies of it, locks on its folder, and the key beside it."""

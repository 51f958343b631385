"""The file of the database: copies of it, and locks on its folder."""

"""SQLite: the only package with SQL, the doorbells, and the signs of life of workers."""

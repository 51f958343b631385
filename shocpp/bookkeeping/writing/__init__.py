"""The writing thread: batches of jobs as transactions, their syncs, and the copies of the -wal."""

"""The counters of each worker, and the files that keep them after its end."""

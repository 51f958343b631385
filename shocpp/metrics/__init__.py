"""Counters of each worker, and the files in which they outlive it."""

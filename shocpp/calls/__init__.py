"""Calls to Charge Points: addressing, placing, canned calls and their answers."""

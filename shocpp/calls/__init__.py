"""Calls to Charge Points: addressing, placing, outcomes, effects, canned calls and answers."""

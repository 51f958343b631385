"""Calls to Charge Points: placing, outcomes, effects, canned calls and their answers."""

"""Decide which Charge Points may connect, and enrol new ones."""

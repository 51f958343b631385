"""Rows of each Charge Point: identity, connection, frames, state and refused attempts."""

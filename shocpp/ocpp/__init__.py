"""OCPP 1.6-J as pure functions (ground floor): no I/O, no clock, no randomness, no money."""

"""The money as pure functions (ground floor): no I/O, no clock, no frames, no SQL."""

"""The protocol OCPP 1.6-J as pure functions: no I/O, no clock, no randomness, no money.

`connection.Connection` is the entrance: one received text makes one event. `outgoing` checks the
payloads of our own Calls before they are queued.
"""

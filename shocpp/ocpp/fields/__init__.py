"""The fields of all OCPP 1.6 requests: a table for each direction, an entry for each action (pure).

These are tables only: `shocpp.ocpp.validation` applies them to a payload. A CGI process imports
only the table that it needs, and nothing is compiled or computed here.

Sources: OCPP 1.6 §6 and §7, and the security whitepaper.
"""

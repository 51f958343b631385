"""shocpp: an OCPP 1.6-J Central System that books every Wh to an account.

The floors, from the cellar up: `errors`; `ocpp` and `ledger` (pure); `store` and `settings`;
`central_system` and `reports`; `doors`. Imports point down only; tests/test_floors.py reads them.
"""

__version__ = "0.1.0"

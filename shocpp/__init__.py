"""shocpp: an OCPP 1.6-J Central System that books every Wh to an account.

Packages and layers are drawn in docs/architecture.md; tests/architecture/test_layers.py reads every
import.
"""

__version__ = "0.1.0"

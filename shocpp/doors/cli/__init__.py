"""Re-export the commands for console scripts that were installed before the packages moved.

Such a script imports from `shocpp.doors.cli` until `make .venv/.installed` writes it anew. Without
this module, a service would restart in a loop after a pull. The next release removes it.
"""

from shocpp.interfaces.cli import main
from shocpp.interfaces.cli.calls import caller, command
from shocpp.interfaces.cli.serving import backend, listener
from shocpp.interfaces.cli.statements import summary

__all__ = ["backend", "caller", "command", "listener", "main", "summary"]

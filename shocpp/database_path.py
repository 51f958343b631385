"""The path of the database, and of the folder of CGI sockets beside it, as texts.

A CGI process needs them before it knows if it has to import anything else. This module therefore
imports nothing.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def home_of(environment: "Mapping[str, str]", default: str) -> str:
    """Return the home folder of an environment: SHOCPP_HOME, or the default."""
    return environment.get("SHOCPP_HOME") or default


def database_of(environment: "Mapping[str, str]", home: str) -> str:
    """Return the database of an environment: SHOCPP_DATABASE, or the default in the home folder."""
    return environment.get("SHOCPP_DATABASE") or f"{home}/db/shocpp.sqlite3"


def sockets_folder(database: str) -> str:
    """Return the folder with the sockets on which the workers of a database take CGI requests."""
    return f"{database}-cgi"

"""The HTTP statuses of errors that requests of the API may raise."""

from http import HTTPStatus

from shocpp.calls.outcomes import OUTCOME_OF_ERROR, REPORTS
from shocpp.errors import (
    ConfigError,
    ShocppError,
    StoreUnavailable,
    UnusableDatabase,
    UsageError,
)

# The first class that matches counts, so a subclass stands before its base.
STATUS_OF_ERROR: tuple[tuple[type[ShocppError], int], ...] = (
    *((kind, REPORTS[outcome].api) for kind, outcome in OUTCOME_OF_ERROR),
    (UsageError, HTTPStatus.NOT_FOUND),
    (UnusableDatabase, HTTPStatus.SERVICE_UNAVAILABLE),
    (ConfigError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (StoreUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)

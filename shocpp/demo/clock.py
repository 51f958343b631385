"""The clock of a simulated charger."""

from datetime import UTC, datetime, timedelta, tzinfo


class Clock:
    """A clock that stands at `moment`, moves by `set` and `advance`, and runs after `follow`."""

    def __init__(self, moment: datetime, zone: tzinfo) -> None:
        self._zone = zone
        self._moment: datetime | None = moment.astimezone(UTC)

    def now(self) -> datetime:
        """Return the present moment in local time."""
        return (self._moment or datetime.now(UTC)).astimezone(self._zone)

    def set(self, moment: datetime) -> None:
        """Move the clock to a moment."""
        self._moment = moment.astimezone(UTC)

    def advance(self, duration: timedelta) -> None:
        """Move the clock forward."""
        self.set(self.now() + duration)

    def follow(self) -> None:
        """Follow the clock of this machine from now on."""
        self._moment = None

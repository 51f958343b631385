"""The files of a day for people: its powers, and its limits with their reasons."""

from collections.abc import Iterable, Iterator, Mapping
from zoneinfo import ZoneInfo

from shocpp.interfaces.delivery.documents import Document
from shocpp.language.dates import local_time, spelled
from shocpp.language.figures import decimal, plain_decimal
from shocpp.language.modes import mode_name
from shocpp.reports.tables.csv_format import BYTE_ORDER_MARK, csv_lines, text_cell
from shocpp.settings import Settings
from shocpp.site.history.day import ConnectorDay, SiteDay

UTC = ZoneInfo("UTC")
MEDIA_TYPE = "text/csv; charset=utf-8"


class CsvFiles:
    """The files of one day, in the language of the settings."""

    def __init__(self, site_day: SiteDay, settings: Settings, words: Mapping[str, str]) -> None:
        self._day, self._words = site_day, words
        self._language, self._zone = settings.language, settings.zone

    def powers(self) -> Document:
        """Return the powers, with the limits that were in force at the end of each slot.

        Local times repeat in the hour in which summer time ends, those of UTC do not.
        """
        return self._document("powers_file", self._powers())

    def limits(self) -> Document:
        """Return each set point with its reason, in the order of time."""
        return self._document("limits_file", self._limits())

    def _document(self, word: str, rows: Iterable[Iterable[object]]) -> Document:
        line = csv_lines(";" if self._language == "de" else ",")
        text = BYTE_ORDER_MARK + "".join(map(line, rows))
        name = f"{self._words[word]}-{self._day.day.isoformat()}.csv"
        return Document(name, MEDIA_TYPE, text.encode())

    def _powers(self) -> Iterator[list[str]]:
        words, day = self._words, self._day
        sums = {"sun": day.sun_w, "house": day.house_w, "grid": day.grid_w} if day.has_grid else {}
        yield [
            words["time"],
            words["utc"],
            *(f"{words[name]} (kW)" for name in sums),
            *(
                text_cell(f"{one.title}, {column}")
                for one in day.connectors
                for column in (f"{words['power']} (kW)", f"{words['limit']} (A)")
            ),
        ]
        limits_ma = [list(self._limits_ma(one)) for one in day.connectors]
        for slot, begin_ms in enumerate(day.slots):
            yield [
                self._time(begin_ms),
                self._utc(begin_ms),
                *(self._kilowatts(powers_w[slot]) for powers_w in sums.values()),
                *(
                    cell
                    for one, of_slots in zip(day.connectors, limits_ma, strict=True)
                    for cell in (
                        self._kilowatts(one.powers_w[slot]),
                        self._amperes(of_slots[slot]),
                    )
                ),
            ]

    def _limits_ma(self, connector: ConnectorDay) -> Iterator[int | None]:
        """Yield the limit that is in force at the end of each slot, None for none."""
        # A pause of two minutes may lie within a slot: the other file has each change.
        spans = iter(connector.set_points)
        span = next(spans, None)
        for end_ms in [*self._day.slots[1:], self._day.end_ms]:
            while span is not None and span.end_ms < end_ms and (after := next(spans, None)):
                span = after
            is_there = span is not None and span.begin_ms < end_ms <= span.end_ms
            yield span.value.limit_ma if span is not None and is_there else None

    def _limits(self) -> Iterator[list[str]]:
        words = self._words
        yield [
            *(words["time"], words["utc"], words["connector"], words["mode"]),
            *(f"{words['limit']} (A)", words["reason"]),
        ]
        # One list, because a shared limit moves from one car to another at one moment.
        rows = [(span, one.title) for one in self._day.connectors for span in one.set_points]
        for span, title in sorted(rows, key=lambda row: row[0].begin_ms):
            yield [
                self._time(span.begin_ms),
                self._utc(span.begin_ms),
                text_cell(title),
                mode_name(span.value.mode, self._language),
                self._amperes(span.value.limit_ma),
                text_cell(span.value.sentence),
            ]

    def _time(self, moment_ms: int) -> str:
        return spelled(local_time(moment_ms, self._zone), self._language)

    def _utc(self, moment_ms: int) -> str:
        return spelled(local_time(moment_ms, UTC), self._language)

    def _kilowatts(self, power_w: int | None) -> str:
        return "" if power_w is None else decimal(power_w, 3, self._language)

    def _amperes(self, current_ma: int | None) -> str:
        return "" if current_ma is None else plain_decimal(current_ma, 3, self._language)

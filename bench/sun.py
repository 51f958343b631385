"""Cloudy days of a car that follows the sun: naive controllers, and ours with its goals."""

from collections.abc import Iterator, Sequence
from statistics import mean

from bench.table import table
from tests.world.power.sun.day import BAND, NAIVE, OURS, OURS_SWITCHING, Control, Figures, day

LEAST_SUN, LEAST_GAIN = 0.98, 1.10
MOST_STARTS, MOST_SWITCHES = 15, 8

HEAD = (
    *("controller", "kWh", "from the grid", "of the sun", "sun caught"),
    *("starts (most)", "limits sent", "keep-alives", "switches (most)"),
)


def print_sun(seeds: Sequence[int]) -> None:
    """Print the figures of days with these seeds, and the goals of ours."""
    days: dict[str, list[Figures]] = {}
    table(
        f"Days of 14 h with clouds, 9 kWp, and a car of 16 A on three phases; mean of {len(seeds)}",
        HEAD,
        _rows(seeds, days),
    )
    table("Goals", ("goal", "measured", "held"), _goals(days))


def _rows(seeds: Sequence[int], days: dict[str, list[Figures]]) -> Iterator[Sequence[str]]:
    for control in (*NAIVE, OURS, OURS_SWITCHING):
        days[control.name] = [day(control, seed) for seed in seeds]
        yield control.name, *_figures(days[control.name])


def _figures(days: Sequence[Figures]) -> Sequence[str]:
    return (
        f"{mean(of.kwh for of in days):.1f}",
        f"{mean(of.grid_kwh for of in days):.2f}",
        f"{mean(of.sun_kwh for of in days):.1f}",
        f"{100 * mean(of.caught for of in days):.0f} %",
        f"{mean(of.starts for of in days):.1f} ({max(of.starts for of in days)})",
        f"{mean(of.writes for of in days):.0f}",
        f"{mean(of.keep_alives for of in days):.0f}",
        f"{mean(of.switches for of in days):.1f} ({max(of.switches for of in days)})",
    )


def _goals(days: dict[str, list[Figures]]) -> Iterator[Sequence[str]]:
    def sun_kwh(control: Control) -> float:
        return mean(of.sun_kwh for of in days[control.name])

    ours, band, switching = days[OURS.name], days[BAND.name], days[OURS_SWITCHING.name]
    share = sun_kwh(OURS) / sun_kwh(BAND)
    yield (
        f"at least {LEAST_SUN:.0%} of the sun of the row with a band",
        f"{share:.1%}",
        _is_held(share >= LEAST_SUN),
    )
    writes, most = mean(of.writes for of in ours), mean(of.writes for of in band)
    yield (
        "no more limits sent than that row",
        f"{writes:.0f} of {most:.0f}",
        _is_held(writes <= most),
    )
    starts = max(of.starts for of in ours)
    yield f"at most {MOST_STARTS} starts on each day", f"{starts}", _is_held(starts <= MOST_STARTS)
    gain = sun_kwh(OURS_SWITCHING) / sun_kwh(OURS)
    yield (
        f"with switching at least {LEAST_GAIN - 1:.0%} more sun",
        f"{gain - 1:.1%}",
        _is_held(gain >= LEAST_GAIN),
    )
    switches = max(of.switches for of in switching)
    yield (
        f"at most {MOST_SWITCHES} switches on each day",
        f"{switches}",
        _is_held(switches <= MOST_SWITCHES),
    )


def _is_held(is_held: bool) -> str:
    return "yes" if is_held else "NO"

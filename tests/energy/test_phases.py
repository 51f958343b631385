"""The switching of phases: a connector, its charger, its car, and the clock as a number."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from shocpp.energy.memory import remembered
from shocpp.energy.model import Connector, Installed, Observed, Session, Switching
from shocpp.energy.pacing import changed
from shocpp.energy.standing import phases_of
from shocpp.energy.state.clock_steps import not_after
from shocpp.energy.state.model import ConnectorState, State
from shocpp.energy.state.text import state_of, state_text
from shocpp.energy.surplus.phases import (
    BETWEEN_MS,
    DAILY,
    FAILED,
    FAULTED,
    IGNORED,
    MOST_A_DAY,
    OFTEN,
    REFUSED,
    REFUSED_MS,
    UNANSWERED_MS,
    command,
    expected_phases,
    hindrance,
    most_on_phases,
    pauses,
    stepped,
    with_switch,
)

KEY = ("garage", 1)
TICK_MS = 5_000
MINUTE_MS = 60_000
START_MS = 1_800_000_000_000


class Line:
    """A charger that answers after one tick, its car, and the controller of its phases alone."""

    def __init__(self, pause_ms: int = 120_000) -> None:
        self.now_ms = START_MS
        self.memory = ConnectorState()
        self.wanted: int | None = None
        self.limit_ma = 10_000
        self.session: int | None = 7
        self.session_ms = START_MS
        self.is_faulted = False
        self.answers = "accepted"
        self.switching = Switching(pause_ms=pause_ms)
        self.contactor = 3
        self.obeys = True
        self.car_draws = True
        self.reports = True
        self.keeps_limits = True
        self.installed = Installed(base_ma=6_000, working_ma=10_000, accepted_ms=START_MS)
        self.limits: list[tuple[int, int]] = []
        self.moved_ms: list[int] = []

    def connector(self) -> Connector:
        session = None if self.session is None else Session(self.session, self.session_ms)
        return Connector(
            KEY,
            session=session,
            installed=self.installed,
            observed=self._observed(),
            switching=self.switching._replace(is_faulted=self.is_faulted),
        )

    def _observed(self) -> Observed | None:
        if not self.reports or self.session is None:
            return None
        drawn_ma = (self.installed.working_ma or 0) if self.car_draws else 0
        currents = tuple(drawn_ma if phase < self.contactor else 0 for phase in range(3))
        return Observed(currents, self.now_ms)

    def tick(self) -> None:
        self.now_ms += TICK_MS
        connector = self.connector()
        memory = remembered(connector, self.memory, self.now_ms)
        memory = with_switch(memory, stepped(connector, memory, self.wanted, self.now_ms))
        limit_ma = 0 if pauses(memory.switch) else self.limit_ma
        self.memory = changed(connector, memory, limit_ma, self.now_ms)
        self.limits.append((self.now_ms, limit_ma))
        # As the database does it: the state is read again by the next leader at any tick.
        text = state_text(State({KEY: self.memory}))
        self.memory = state_of(text).connectors[KEY]
        self._answer(connector, limit_ma)

    def _answer(self, connector: Connector, limit_ma: int) -> None:
        present, wanted = self.switching.commanded or 3, command(connector, self.memory)
        if wanted is not None and wanted != present:
            if self.answers == "accepted":
                self.switching = self.switching._replace(commanded=wanted, refused_ms=None)
                self.contactor = wanted if self.obeys else 3
                self.moved_ms.append(self.now_ms)
            elif self.answers == "refused":
                self.switching = self.switching._replace(refused_ms=self.now_ms)
        if self.keeps_limits and limit_ma != self.installed.working_ma:
            self.installed = self.installed._replace(working_ma=limit_ma, accepted_ms=self.now_ms)

    def run(self, duration_ms: int) -> "Line":
        for _ in range(duration_ms // TICK_MS):
            self.tick()
        return self

    def hindered_by(self) -> str | None:
        found = hindrance(self.connector(), self.memory, self.now_ms)
        return None if found is None else found.key


def zero_spans(limits: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the begin and the end of each time at 0."""
    spans: list[tuple[int, int]] = []
    for (_, before_ma), (moment_ms, limit_ma) in pairwise(limits):
        if limit_ma == 0 and before_ma:
            spans.append((moment_ms, moment_ms))
        if limit_ma and before_ma == 0:
            spans[-1] = (spans[-1][0], moment_ms)
    return spans


def charging_line() -> Line:
    return Line().run(2 * MINUTE_MS)


def test_a_switch_has_120_s_of_0_around_it_and_moves_without_load() -> None:
    line = charging_line()
    line.wanted = 1
    line.run(5 * MINUTE_MS)
    ((began_ms, ended_ms),) = zero_spans(line.limits)
    (moved_ms,) = line.moved_ms
    assert ended_ms - began_ms == 120_000
    assert began_ms < moved_ms < ended_ms - 60_000
    assert command(line.connector(), line.memory) == 1


def test_a_longer_pause_is_that_of_the_charger() -> None:
    line = Line(pause_ms=300_000).run(2 * MINUTE_MS)
    line.wanted = 1
    line.run(10 * MINUTE_MS)
    ((began_ms, ended_ms),) = zero_spans(line.limits)
    assert ended_ms - began_ms == 300_000


def test_three_phases_count_until_one_was_seen_for_a_minute() -> None:
    line = charging_line()
    assert phases_of(line.connector(), line.memory) == (0, 1, 2)
    line.wanted = 1
    line.run(2 * MINUTE_MS + 2 * TICK_MS)
    assert line.contactor == 1
    assert not pauses(line.memory.switch)
    assert phases_of(line.connector(), line.memory) == (0, 1, 2)
    assert expected_phases(line.connector(), line.memory) == (0,)
    line.run(2 * MINUTE_MS)
    assert phases_of(line.connector(), line.memory) == (0,)


def test_three_phases_count_at_once_after_the_switch_back() -> None:
    line = charging_line()
    line.wanted = 1
    line.run(20 * MINUTE_MS)
    assert phases_of(line.connector(), line.memory) == (0,)
    line.wanted = 3
    line.run(MINUTE_MS)
    assert line.contactor == 3
    assert phases_of(line.connector(), line.memory) == (0, 1, 2)
    assert expected_phases(line.connector(), line.memory) == (0, 1, 2)


def test_one_phase_is_never_above_the_permitted_unbalance() -> None:
    line = charging_line()
    assert most_on_phases(line.connector(), line.memory, 20_000) == 32_000
    line.wanted = 1
    line.run(2 * MINUTE_MS)
    assert most_on_phases(line.connector(), line.memory, 20_000) == 6_000, "not seen there yet"
    line.run(MINUTE_MS)
    assert most_on_phases(line.connector(), line.memory, 20_000) == 20_000


def test_a_charger_without_currents_is_not_kept_at_the_least_one() -> None:
    line = Line()
    line.reports, line.wanted = False, 1
    line.run(3 * MINUTE_MS)
    assert most_on_phases(line.connector(), line.memory, 20_000) == 20_000


def test_the_command_waits_until_the_charger_has_accepted_0() -> None:
    line = charging_line()
    line.keeps_limits = False
    line.wanted = 1
    line.run(4 * MINUTE_MS)
    assert line.moved_ms == []
    line.keeps_limits = True
    line.run(MINUTE_MS // 2)
    assert len(line.moved_ms) == 1


def test_the_command_waits_half_the_pause_where_no_current_is_reported() -> None:
    line = charging_line()
    line.reports = False
    line.wanted = 1
    line.run(5 * MINUTE_MS)
    ((began_ms, ended_ms),) = zero_spans(line.limits)
    (moved_ms,) = line.moved_ms
    assert moved_ms - began_ms >= 60_000
    assert ended_ms - moved_ms >= 55_000


def test_a_charger_without_an_answer_is_left_as_it_is_for_half_an_hour() -> None:
    line = charging_line()
    line.answers = "nothing"
    line.wanted = 1
    line.run(10 * MINUTE_MS)
    ((began_ms, ended_ms),) = zero_spans(line.limits)
    assert ended_ms - began_ms == 120_000 + UNANSWERED_MS
    assert line.hindered_by() == REFUSED
    line.answers = "accepted"
    line.run(REFUSED_MS)
    assert line.contactor == 1


def test_a_late_answer_counts_and_the_phases_are_learned_anew() -> None:
    line = charging_line()
    line.answers = "nothing"
    line.wanted = 1
    line.run(10 * MINUTE_MS)
    line.wanted = None
    line.switching = line.switching._replace(commanded=1)
    line.tick()
    assert command(line.connector(), line.memory) == 1
    line.run(MINUTE_MS)
    assert most_on_phases(line.connector(), line.memory, 20_000) == 20_000


def test_a_refused_switch_stays_and_is_tried_again_after_half_an_hour() -> None:
    line = charging_line()
    line.answers = "refused"
    line.wanted = 1
    line.run(10 * MINUTE_MS)
    assert line.contactor == 3
    assert len(zero_spans(line.limits)) == 1
    assert line.hindered_by() == REFUSED
    line.run(26 * MINUTE_MS)
    first, second = zero_spans(line.limits)
    assert REFUSED_MS <= second[0] - first[0] <= REFUSED_MS + 2 * MINUTE_MS
    # Nothing was switched, and the car had its whole pause all the same.
    assert first[1] - first[0] == 120_000


def test_a_car_that_faults_is_not_switched_again_in_its_session() -> None:
    line = charging_line()
    line.wanted = 1
    line.run(MINUTE_MS)
    line.is_faulted = True
    line.run(MINUTE_MS)
    line.is_faulted = False
    line.wanted = 3
    line.run(30 * MINUTE_MS)
    assert len(line.moved_ms) == 1
    assert line.hindered_by() == FAILED
    line.session, line.session_ms = 8, line.now_ms
    line.run(5 * MINUTE_MS)
    assert line.contactor == 3


def test_no_switch_begins_at_a_connector_with_a_fault() -> None:
    line = charging_line()
    line.is_faulted, line.wanted = True, 1
    line.run(MINUTE_MS)
    assert not pauses(line.memory.switch)
    assert line.hindered_by() == FAULTED


def test_a_car_that_does_not_go_on_is_not_switched_again_in_its_session() -> None:
    line = charging_line()
    line.wanted = 1
    line.run(MINUTE_MS)
    line.car_draws = False
    line.run(8 * MINUTE_MS)
    assert line.hindered_by() == FAILED


def test_a_car_that_had_not_charged_before_does_not_fail() -> None:
    line = Line()
    line.car_draws = False
    line.run(MINUTE_MS)
    line.wanted = 1
    line.run(20 * MINUTE_MS)
    assert line.contactor == 1
    assert line.hindered_by() is None


def test_a_new_start_in_the_pause_keeps_the_pause() -> None:
    line = charging_line()
    line.wanted = 1
    line.run(MINUTE_MS)
    line.session = None
    line.run(TICK_MS)
    line.session, line.session_ms = 8, line.now_ms
    line.run(4 * MINUTE_MS)
    ((began_ms, ended_ms),) = zero_spans(line.limits)
    assert ended_ms - began_ms == 120_000
    assert line.contactor == 1


def test_a_switch_that_is_no_longer_wanted_keeps_the_pause_and_moves_nothing() -> None:
    line = charging_line()
    line.wanted = 1
    line.run(TICK_MS)
    line.wanted = 3
    line.run(4 * MINUTE_MS)
    ((began_ms, ended_ms),) = zero_spans(line.limits)
    assert ended_ms - began_ms == 120_000
    assert line.moved_ms == []


def test_a_charger_that_accepts_and_ignores_counts_with_three_phases() -> None:
    line = charging_line()
    line.obeys = False
    line.wanted = 1
    line.run(5 * MINUTE_MS)
    assert phases_of(line.connector(), line.memory) == (0, 1, 2)
    assert expected_phases(line.connector(), line.memory) == (0, 1, 2)
    assert line.hindered_by() == IGNORED
    for wanted in (3, 1, 3, 1):
        line.wanted = wanted
        line.run(30 * MINUTE_MS)
    assert len(line.moved_ms) == 1


def test_switches_are_ten_minutes_apart_and_eight_a_day() -> None:
    line = charging_line()
    hindrances = set()
    for hour in range(20):
        line.wanted = 1 if hour % 2 else 3
        line.run(12 * MINUTE_MS)
        hindrances.add(line.hindered_by())
    assert len(line.moved_ms) == MOST_A_DAY
    assert DAILY in hindrances
    line.wanted = None
    line.run(24 * 60 * MINUTE_MS)
    line.wanted = 3 if line.contactor == 1 else 1
    line.run(5 * MINUTE_MS)
    assert len(line.moved_ms) == MOST_A_DAY + 1


def test_a_second_switch_waits_for_ten_minutes() -> None:
    line = charging_line()
    line.wanted = 1
    line.run(3 * MINUTE_MS)
    line.wanted = 3
    line.tick()
    assert line.hindered_by() == OFTEN
    line.run(15 * MINUTE_MS)
    first_ms, second_ms = line.moved_ms
    assert second_ms - first_ms >= BETWEEN_MS


def test_a_clock_that_is_set_back_does_not_forbid_switches_for_a_day() -> None:
    line = charging_line()
    line.wanted = 1
    line.run(3 * MINUTE_MS)
    line.now_ms -= 24 * 60 * MINUTE_MS
    state = not_after(State({KEY: line.memory}, decided_ms=START_MS + 1), line.now_ms)
    line.memory = state.connectors[KEY]
    line.wanted = 3
    line.run(14 * MINUTE_MS)
    assert line.contactor == 3


def test_no_command_leaves_where_switching_is_not_allowed() -> None:
    line = charging_line()
    connector = line.connector()._replace(switching=None)
    state = stepped(connector, line.memory, 1, line.now_ms)
    assert not pauses(state)
    assert command(connector, with_switch(line.memory, state)) is None


EVENTS = st.sampled_from(
    ("1", "3", "none", "fault", "well", "leave", "come", "refused", "nothing", "accepted", "back")
)


def happen(line: Line, event: str) -> None:
    match event:
        case "1" | "3" | "none":
            line.wanted = {"1": 1, "3": 3}.get(event)
        case "fault" | "well":
            line.is_faulted = event == "fault"
        case "leave":
            line.session = None
        case "come":
            line.session, line.session_ms = (line.session or 7) + 1, line.now_ms
        case "back":
            line.car_draws = not line.car_draws
        case _:
            line.answers = event


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(EVENTS, st.integers(1, 200)), min_size=1, max_size=25))
def test_whatever_happens_switches_are_rare_and_without_load(
    events: list[tuple[str, int]],
) -> None:
    line = charging_line()
    for event, ticks in events:
        happen(line, event)
        line.run(ticks * TICK_MS)
    limits = dict(line.limits)
    for moved_ms in line.moved_ms:
        assert limits[moved_ms] == 0
        assert limits[moved_ms - TICK_MS] == 0
    for first_ms, second_ms in pairwise(line.moved_ms):
        assert second_ms - first_ms >= BETWEEN_MS
    for begin, end in zip(line.moved_ms, line.moved_ms[MOST_A_DAY:], strict=False):
        assert end - begin >= 24 * 60 * MINUTE_MS
    for began_ms, ended_ms in zero_spans(line.limits):
        assert ended_ms == began_ms or ended_ms - began_ms >= 120_000

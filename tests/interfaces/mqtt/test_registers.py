"""The energy of a connector never decreases, and counts nothing twice."""

from hypothesis import given
from hypothesis import strategies as st

from shocpp.interfaces.mqtt.states.registers import OwnRegister, PublishedEnergy, next_energy

HOUR_MS = 3_600_000
FIRST = PublishedEnergy(1_500_000, HOUR_MS, 0, "A1")

REGISTERS = st.lists(
    st.tuples(
        st.lists(st.builds(OwnRegister, st.integers(0, 2**31), st.integers(0, 10**12)), max_size=3),
        st.sampled_from(["", "A1", "B2"]),
        st.integers(0, 10**12),
    ),
    max_size=20,
)


@given(REGISTERS)
def test_the_energy_never_decreases_whatever_a_charger_reports(
    reports: list[tuple[list[OwnRegister], str, int]],
) -> None:
    former: PublishedEnergy | None = None
    for registers, serial, now_ms in reports:
        new = next_energy(former, registers, serial, now_ms)
        if former is not None:
            assert new is not None
            assert new.wh >= former.wh
        former = new


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=20))
def test_it_is_the_register_of_a_true_charger(steps: list[int]) -> None:
    former, register_wh = None, 9_042_000
    for hour, step_wh in enumerate(steps):
        register_wh += step_wh
        report = OwnRegister(register_wh, hour * HOUR_MS)
        former = next_energy(former, [report], "A1", hour * HOUR_MS)
    assert former is not None
    assert former.wh == register_wh


def test_before_the_first_register_there_is_no_energy() -> None:
    assert next_energy(None, [], "A1", HOUR_MS) is None


def test_a_register_of_0_after_a_restart_is_ignored_and_so_is_its_return() -> None:
    at_zero = next_energy(FIRST, [OwnRegister(0, 2 * HOUR_MS)], "A1", 2 * HOUR_MS)
    assert at_zero == FIRST
    back = next_energy(at_zero, [OwnRegister(1_500_100, 3 * HOUR_MS)], "A1", 3 * HOUR_MS)
    assert back is not None
    assert back.wh == 1_500_100


def test_a_register_beyond_what_a_charger_can_deliver_is_ignored_until_it_can_be_true() -> None:
    leap = OwnRegister(9_500_000, 2 * HOUR_MS)
    assert next_energy(FIRST, [leap], "A1", 2 * HOUR_MS) == FIRST
    later = leap._replace(received_ms=22 * HOUR_MS)
    new = next_energy(FIRST, [later], "A1", 22 * HOUR_MS)
    assert new is not None
    assert new.wh == 9_500_000


def test_another_charger_goes_on_from_the_energy_of_the_former_one() -> None:
    boot = next_energy(FIRST, [OwnRegister(1_500_000, HOUR_MS)], "B2", 2 * HOUR_MS)
    assert boot is not None
    assert boot.wh == 1_500_000
    first = next_energy(boot, [OwnRegister(12, 3 * HOUR_MS)], "B2", 3 * HOUR_MS)
    assert first is not None
    assert first.wh == 1_500_000
    then = next_energy(first, [OwnRegister(5_012, 4 * HOUR_MS)], "B2", 4 * HOUR_MS)
    assert then is not None
    assert then.wh == 1_505_000


def test_a_serial_that_comes_later_is_that_of_the_same_charger() -> None:
    new = next_energy(
        FIRST._replace(serial=""), [OwnRegister(1_500_010, 2 * HOUR_MS)], "A1", HOUR_MS
    )
    assert new is not None
    assert (new.wh, new.serial) == (1_500_010, "A1")

"""Invitations: used once, by one of two, within their time, whatever the clock does."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.admission.people.devices import is_in_force, person_of_secret
from shocpp.admission.people.invitations import (
    DAY_MS,
    EARLY,
    EARLY_MS,
    UNKNOWN,
    InvitationRefused,
    invite,
    redeem,
)
from shocpp.admission.people.roles import NO_ROLE, Person
from shocpp.admission.people.secret_texts import hash_of, is_secret, new_secret, typed
from shocpp.store.database import Database, open_database
from tests.world.databases import make_database
from tests.world.home import Home

NOW_MS = 1_795_000_000_000
MAMA = Person("Mama", "driver", "family-y")


@pytest.fixture
def db(migrated_home: Home) -> Iterator[Database]:
    """An open new database."""
    with open_database(migrated_home.database) as db:
        yield db


def nobody(name: str) -> Person:
    """Return the person of a web user without a role."""
    return Person(name, NO_ROLE)


def refusal(db: Database, token: str, now_ms: int = NOW_MS) -> str:
    """Return the reason why a token makes no device."""
    with pytest.raises(InvitationRefused) as refused:
        redeem(db, token, now_ms)
    return refused.value.reason


def test_an_invitation_makes_a_device_with_its_role(db: Database) -> None:
    token = invite(db, MAMA, NOW_MS, made_by="papa")
    secret, person = redeem(db, token, NOW_MS + 1)
    assert person[:3] == MAMA[:3]
    assert person_of_secret(db, secret, NOW_MS + 2, nobody) == person


def test_only_hashes_are_stored(db: Database) -> None:
    token = invite(db, MAMA, NOW_MS, made_by="papa")
    secret, _ = redeem(db, token, NOW_MS)
    rows = [
        *db.execute("SELECT * FROM invitation").fetchall(),
        *db.execute("SELECT * FROM device").fetchall(),
    ]
    assert token not in str(rows)
    assert secret not in str(rows)
    assert hash_of(token) in str(rows)
    assert hash_of(secret) in str(rows)


def test_an_invitation_is_used_once(db: Database) -> None:
    token = invite(db, MAMA, NOW_MS, made_by="papa")
    redeem(db, token, NOW_MS)
    assert refusal(db, token) == "used"


def test_of_two_phones_with_one_link_exactly_one_wins(migrated_home: Home) -> None:
    with open_database(migrated_home.database) as db:
        for _ in range(5):
            token = invite(db, MAMA, NOW_MS, made_by="papa")
            barrier, results = threading.Barrier(4), list[str]()

            def open_link(token: str, barrier: threading.Barrier, results: list[str]) -> None:
                with open_database(migrated_home.database) as own:
                    barrier.wait()
                    try:
                        redeem(own, token, NOW_MS)
                        results.append("won")
                    except InvitationRefused as refused:
                        results.append(refused.reason)

            phones = [
                threading.Thread(target=open_link, args=(token, barrier, results)) for _ in range(4)
            ]
            for phone in phones:
                phone.start()
            for phone in phones:
                phone.join()
            assert sorted(results) == ["used", "used", "used", "won"]
        assert db.execute("SELECT count(*) FROM device").fetchone() == (5,)


def test_an_invitation_expires_for_ever(db: Database) -> None:
    token = invite(db, MAMA, NOW_MS, made_by="papa")
    assert refusal(db, token, NOW_MS + DAY_MS) == "expired"
    # The clock is set back.
    assert refusal(db, token, NOW_MS) == "expired"


def test_a_clock_that_is_set_back_far_makes_no_invitation_valid(db: Database) -> None:
    token = invite(db, MAMA, NOW_MS, made_by="papa")
    assert refusal(db, token, NOW_MS - EARLY_MS - 1) == EARLY
    redeem(db, token, NOW_MS - EARLY_MS)


@given(offset_ms=st.integers(-(10**12), 10**12))
def test_an_invitation_is_valid_only_around_its_time(
    tmp_path_factory: pytest.TempPathFactory, offset_ms: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "invitations"
    path = folder / "shocpp.sqlite3"
    if not path.exists():
        make_database(path, NOW_MS)
    with open_database(path) as db:
        token = invite(db, MAMA, NOW_MS, made_by="papa")
        is_valid = True
        try:
            redeem(db, token, NOW_MS + offset_ms)
        except InvitationRefused:
            is_valid = False
    assert is_valid == (-EARLY_MS <= offset_ms < DAY_MS)


def test_a_printed_invitation_is_voided_by_the_next_printed_one(db: Database) -> None:
    first = invite(db, MAMA, NOW_MS, made_by="server", is_printed=True)
    other = invite(db, MAMA, NOW_MS, made_by="papa")
    second = invite(db, MAMA, NOW_MS, made_by="server", is_printed=True)
    assert refusal(db, first) == "voided"
    redeem(db, other, NOW_MS)
    redeem(db, second, NOW_MS)


@pytest.mark.parametrize("token", ["", "x", "a" * 26, "A" * 26, "\ud800" * 26, "' OR 1=1 --", "é"])
def test_a_guess_is_unknown_and_takes_no_lock(
    db: Database, migrated_home: Home, token: str
) -> None:
    with open_database(migrated_home.database) as other:
        other.execute("BEGIN IMMEDIATE")
        assert refusal(db, token) == UNKNOWN
        other.execute("ROLLBACK")


def test_the_former_device_of_a_browser_is_revoked(db: Database) -> None:
    _, former = redeem(db, invite(db, MAMA, NOW_MS, made_by="papa"), NOW_MS)
    assert former.device is not None
    token = invite(db, Person("Mama", "admin"), NOW_MS, made_by="papa")
    _, person = redeem(db, token, NOW_MS, former.device)
    assert not is_in_force(db, former.device, NOW_MS)
    assert person.device is not None
    assert is_in_force(db, person.device, NOW_MS)


def test_a_secret_can_be_typed_as_people_type() -> None:
    secret = new_secret()
    assert is_secret(secret)
    assert typed(f" http://box.test:8080/i#{secret}\n") == secret
    assert typed(f"{secret[:4]}-{secret[4:8]} {secret[8:].upper()}") == secret
    assert len({new_secret() for _ in range(100)}) == 100

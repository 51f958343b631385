"""The checks of passwords: a costly hash is computed seldom, and cannot be used for a flood."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.request import urlopen

import pytest

from shocpp.admission.enrolment import hash_of_user_chosen
from shocpp.admission.password_checks import (
    COSTLY_ROUNDS,
    MOST_REMEMBERED,
    MOST_WAITING,
    PasswordChecks,
    TooManyChecks,
)
from shocpp.admission.refused_attempts import MAX_FAILURES
from shocpp.ocpp.passwords import USER_CHOSEN_ROUNDS, password_hash, rounds_of
from tests.admission.test_decision import status_of, write
from tests.world.findings import check
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.server import Server

COSTLY = password_hash(b"any-one!", b"salt", COSTLY_ROUNDS)
ENDLESS = password_hash(b"any-one!", b"salt", 1_000_000)


def cpu_s(checks: PasswordChecks, presented: bytes, stored_hash: str = ENDLESS) -> float:
    """Return the CPU time that the check of a password takes in this thread."""
    began_s = time.thread_time()
    checks.is_password(presented, stored_hash, "a")
    return time.thread_time() - began_s


def test_a_user_chosen_password_has_the_work_factor_that_owasp_recommends() -> None:
    assert rounds_of(hash_of_user_chosen("any-one!")) == USER_CHOSEN_ROUNDS == 600_000


def test_a_password_is_checked_the_same_before_and_after_the_first_success() -> None:
    checks = PasswordChecks()
    for _ in range(2):
        assert not checks.is_password(b"no-one!!", COSTLY, "a")
        assert checks.is_password(b"any-one!", COSTLY, "a")
        assert checks.is_password(b"any-one!".hex().encode(), COSTLY, "a")
        # HMAC pads its key with zeros (RFC 2104 §2).
        assert checks.is_password(b"any-one!\0", COSTLY, "a")
        assert not checks.is_password(b"any-one", COSTLY, "a")
        assert not checks.is_password(b"any-one!" + bytes(60), COSTLY, "a")
    assert not checks.is_password(b"any-one!", password_hash(b"other", b"salt", COSTLY_ROUNDS), "a")


def test_a_known_password_spares_the_hash_for_right_and_wrong_ones() -> None:
    checks = PasswordChecks()
    first_s = cpu_s(checks, b"any-one!")
    assert cpu_s(checks, b"any-one!") < first_s / 10
    assert cpu_s(checks, b"no-one!!") < first_s / 10


def test_a_wrong_password_that_comes_again_spares_the_hash() -> None:
    checks = PasswordChecks()
    first_s = cpu_s(checks, b"no-one!!")
    assert cpu_s(checks, b"no-one!!") < first_s / 10


def test_what_is_remembered_has_a_limit() -> None:
    checks = PasswordChecks()
    checks._wrong.update(bytes([1]) * number for number in range(MOST_REMEMBERED))
    checks._correct.update((str(number), b"") for number in range(MOST_REMEMBERED))
    assert not checks.is_password(b"no-one!!", COSTLY, "a")
    assert checks.is_password(b"any-one!", COSTLY, "a")
    assert (len(checks._wrong), len(checks._correct)) == (1, 1)


def test_few_threads_wait_for_a_costly_hash_one_for_each_address_and_no_suspect() -> None:
    checks = PasswordChecks()
    with checks._computing, ThreadPoolExecutor(MOST_WAITING) as pool:
        with pytest.raises(TooManyChecks):
            checks.is_password(b"any-one!", COSTLY, "suspect", may_wait=False)
        waiting = [
            pool.submit(checks.is_password, b"any-one!", COSTLY, str(number))
            for number in range(MOST_WAITING)
        ]
        wait_for(lambda: len(checks._waiting) == MOST_WAITING)
        for address in ("0", "another"):
            with pytest.raises(TooManyChecks):
                checks.is_password(b"any-one!", COSTLY, address)
        # A cheap hash waits for nobody.
        assert checks.is_password(b"x", password_hash(b"x", b"salt", 1), "0")
        checks._computing.release()
        assert all(future.result(10) for future in waiting)
        checks._computing.acquire()
    assert not checks._waiting


def test_one_address_takes_one_place_of_those_that_wait() -> None:
    checks = PasswordChecks()
    with checks._computing, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(checks.is_password, b"any-one!", COSTLY, "a")
        wait_for(lambda: checks._waiting)
        with pytest.raises(TooManyChecks):
            checks.is_password(b"any-one!", COSTLY, "a")
        checks._computing.release()
        assert waiting.result(10)
        checks._computing.acquire()


# -- a real server ---------------------------------------------------------------------------------


OTHER = {"X-Forwarded-For": "192.0.2.7"}
"""The header of the proxy for a charger at another address than that of the flood."""


def flood(server: Server, name: str, stopped: threading.Event) -> set[int]:
    """Send wrong passwords until `stopped`, and return the statuses of the answers."""
    statuses = set[int]()
    while not stopped.is_set():
        statuses.add(status_of(server, name, os.urandom(6)))
    return statuses


def test_a_flood_of_wrong_passwords_keeps_no_charger_out_and_no_request_waiting(
    home: Home, serve: Callable[..., Server]
) -> None:
    chosen, generated = hash_of_user_chosen("chosen-1"), password_hash(b"generated", b"salt", 1)
    write(home, garage={"password_hash": chosen}, yard={"password_hash": generated})
    server, stopped = serve(SHOCPP_TRUSTED_PROXIES="127.0.0.1"), threading.Event()
    with ThreadPoolExecutor(12) as pool:
        floods = [pool.submit(flood, server, "garage", stopped) for _ in range(12)]
        try:
            # From now on the address of the flood is a suspect.
            failures = "SELECT sum(attempts) FROM refused_attempts WHERE reason = 'wrong password'"
            wait_for(lambda: (home.query(failures)[0][0] or 0) > MAX_FAILURES)
            # Others are admitted at their first attempt: nobody of this address waits before them.
            assert status_of(server, "yard", b"generated", **OTHER) == 101
            assert status_of(server, "garage", b"chosen-1", **OTHER) == 101
            # Now this process knows the password, and admits it from any address without a wait.
            assert status_of(server, "garage", b"chosen-1") == 101
            assert urlopen(f"http://127.0.0.1:{server.port}/healthz").status == 200
        finally:
            stopped.set()
        statuses = {status for future in floods for status in future.result(60)}
    assert statuses <= {401, 429, 503}


def test_check_names_a_password_whose_hash_takes_few_rounds(migrated_home: Home) -> None:
    old, new = password_hash(b"chosen-1", b"salt", 20_000), hash_of_user_chosen("chosen-2")
    generated = password_hash(b"generated", b"salt", 1)
    write(
        migrated_home,
        garage={"password_hash": old},
        yard={"password_hash": new},
        court={"password_hash": generated},
    )
    lines = check(migrated_home).stdout.splitlines()
    (line,) = [line for line in lines if "rounds" in line]
    assert line.endswith(
        "the password of garage is hashed with 20000 rounds, and 600000 are advised; type it in "
        "once more: shocpp charge-points add --password garage"
    )

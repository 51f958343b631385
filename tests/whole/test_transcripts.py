"""Every transcript, played three times: one contract for the pure core, stdin/stdout and WebSocket.

The transcripts are the files of tests/transcripts; tests/world/playing.py describes their format.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.world.home import Home
from tests.world.machine import PATIENCE_S, ROOT
from tests.world.playing import (
    Books,
    Play,
    StdioWire,
    WebSocketWire,
    Wire,
    prose_of,
    read_steps,
)
from tests.world.server import Server

TRANSCRIPTS = sorted((ROOT / "tests" / "transcripts").glob("*.txt"))

# What is right in the transcript and not yet in the product; strict, but where a clock decides.
as_transcripts = pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem) for path in TRANSCRIPTS],
)


@pytest.fixture(scope="module")
def one_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Home]:
    """Makes a home for all transcripts of a way of playing; each has chargers of its own there."""
    return lambda: Home(tmp_path_factory.mktemp("transcripts") / "home")


@pytest.fixture(scope="module")
def books(one_home: Callable[[], Home]) -> Iterator[Books]:
    """The bookkeeping that writes the facts of the pure connection."""
    books = Books(one_home())
    with books.db:
        yield books


@pytest.fixture(scope="module")
def stdio_home(one_home: Callable[[], Home]) -> Home:
    """The home of all `shocpp-backend` processes."""
    return one_home()


@pytest.fixture(scope="module")
def listener(one_home: Callable[[], Home]) -> Iterator[Server]:
    """A running server."""
    server = Server(one_home())
    yield server
    server.stop()


def play(path: Path, home: Home, dial: Callable[[str], Wire]) -> None:
    """Play a transcript; one that fails as expected is not waited for."""
    Play(path, home, dial, PATIENCE_S).run()


@as_transcripts
def test_over_the_pure_connection(path: Path, books: Books) -> None:
    play(path, books.home, books.dial)


@as_transcripts
def test_over_stdin_and_stdout(path: Path, stdio_home: Home) -> None:
    play(path, stdio_home, lambda identity: StdioWire(stdio_home, identity))


@as_transcripts
def test_over_a_websocket(path: Path, listener: Server) -> None:
    play(path, listener.home, lambda identity: WebSocketWire(listener, identity))


@pytest.fixture(scope="module")
def bare_listener(
    one_home: Callable[[], Home], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A running server in an environment without the packages of the extra `fast`."""
    hidden = tmp_path_factory.mktemp("hidden")
    (hidden / "msgspec.py").write_text("raise ImportError('hidden')")
    (hidden / "websockets.py").write_text("raise ImportError('hidden')")
    server = Server(one_home(), PYTHONPATH=f"{hidden}:{ROOT}")
    yield server
    server.stop()


@pytest.mark.parametrize(
    "path", [path for path in TRANSCRIPTS if path.stem.startswith(("answers", "readings"))]
)
def test_over_a_websocket_without_the_optional_packages(path: Path, bare_listener: Server) -> None:
    play(path, bare_listener.home, lambda identity: WebSocketWire(bare_listener, identity))


def test_the_optional_packages_are_taken_where_they_are_installed(
    listener: Server, bare_listener: Server
) -> None:
    assert [extensions_of(server) for server in (listener, bare_listener)] == [
        {"msgspec", "websockets"},
        set(),
    ]


def extensions_of(server: Server) -> set[str]:
    """The optional packages whose C code the workers of a server have loaded."""
    loaded = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in server.workers())
    return {name for name in ("msgspec", "websockets") if f"/{name}/" in loaded}


def test_every_transcript_tells_its_case_and_expects_something() -> None:
    for path in TRANSCRIPTS:
        assert len(prose_of(path)) > 40, path
        assert any(step.kind in "<!" for step in read_steps(path)), path

"""Every transcript, played three times: one contract for the pure core, stdin/stdout and WebSocket.

The transcripts are the files of tests/transcripts; their form is told in playing.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Home, Server
from playing import Books, Play, StdioWire, WebSocketWire, prose_of, read_steps

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))

each_transcript = pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all transcripts; each has chargers of its own."""
    server = Server(Home(tmp_path_factory.mktemp("transcripts") / "home"))
    yield server
    server.stop()


@each_transcript
def test_over_the_pure_connection(path: Path, home: Home) -> None:
    books = Books(home)
    with books.db:
        Play(path, home, books.dial).run()


@each_transcript
def test_over_stdin_and_stdout(path: Path, home: Home) -> None:
    Play(path, home, lambda identity: StdioWire(home, identity)).run()


@each_transcript
def test_over_a_websocket(path: Path, listener: Server) -> None:
    Play(path, listener.home, lambda identity: WebSocketWire(listener, identity)).run()


@each_transcript
def test_it_tells_its_case_and_expects_something(path: Path) -> None:
    assert len(prose_of(path)) > 40
    assert any(step.kind in "<!" for step in read_steps(path))

"""A real browser in tests: Chromium on a phone, or at a desk, opens the pages of a server.

The address of a server is http://box.test:PORT, as on another machine. A browser gives
127.0.0.1 more than a machine of the same network: Sec-Fetch headers, clipboard, service workers.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import pytest

from tests.world.machine import needs

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator
    from playwright.sync_api import Page as Document

HOST = "box.test"
ARGUMENTS = ["--no-sandbox", f"--host-resolver-rules=MAP {HOST} 127.0.0.1"]

SCREEN_MS = 10_000
"""The longest wait for anything on a screen."""


class Screen(NamedTuple):
    """A screen: its width and height in CSS pixels, and the device pixels for each of them."""

    width: int
    height: int = 844
    scale: float = 1
    is_phone: bool = True


PHONE = Screen(390)
DESK = Screen(1200, 900, is_phone=False)


class Tab:
    """A tab with a page of the server.

    complaints   the errors of the console, and what the Content-Security-Policy has blocked
    requests     the paths that the browser has asked for
    """

    def __init__(self, context: "BrowserContext", origin: str) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.origin, self.context = origin, context
        self.page: Document = context.new_page()
        self.page.set_default_timeout(SCREEN_MS)
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda one: self.requests.append(one.url.removeprefix(origin)))

    def _note_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} {message.location.get('url', '')}")

    def open(self, path: str = "/") -> Self:
        """Load a page of the server, and return the tab."""
        self.page.goto(f"{self.origin}{path}")
        return self

    def await_live(self) -> Self:
        """Wait until the page says that it is live, and return the tab."""
        self.page.wait_for_selector("[data-live]:not([hidden])")
        return self

    def tile(self, tile_id: str) -> "Locator":
        """Return the tile of a connector."""
        return self.page.locator(f'[data-tile="{tile_id}"]')

    def field(self, tile_id: str, name: str) -> str:
        """Return the text of a field of a tile."""
        node = self.tile(tile_id).locator(f'[data-field="{name}"]')
        # `inner_text` is empty until the frame that draws a new tile (`content-visibility: auto`).
        return (node.text_content() or "").strip()

    def await_field(self, tile_id: str, name: str, text: str) -> float:
        """Wait until a field of a tile has a text in it, and return the seconds."""
        begun = time.monotonic()
        node = self.tile(tile_id).locator(f'[data-field="{name}"]', has_text=text)
        node.wait_for(state="attached")
        return time.monotonic() - begun

    def run(self, script: str, value: Any = None) -> Any:
        """Return the value of an expression in the page, also where it runs no scripts itself."""
        return self.page.evaluate(script, value)

    def overflow(self) -> int:
        """Return the CSS pixels by which the page is wider than its screen."""
        return int(
            self.run(
                "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
            )
        )


class Browser:
    """A running browser; each tab has cookies and storage of its own, as another device."""

    def __init__(self, *arguments: str) -> None:
        path = needs("chromium")
        sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
        self._until_end = contextlib.ExitStack()
        playwright = self._until_end.enter_context(sync_api.sync_playwright())
        self._browser = playwright.chromium.launch(
            executable_path=path, args=[*ARGUMENTS, *arguments]
        )
        self._until_end.callback(self._browser.close)

    @property
    def version(self) -> str:
        """Return the version of the browser."""
        return str(self._browser.version)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._until_end.close()

    @contextlib.contextmanager
    def tab(
        self,
        origin: str | int,
        cookie: str = "",
        screen: Screen = PHONE,
        *,
        is_dark: bool = False,
        has_scripts: bool = True,
        moves: bool = True,
        may_complain: bool = False,
        **more: Any,
    ) -> Iterator[Tab]:
        """Open a tab for the pages of a server, by its port or origin.

        `cookie` is that of a device. Fails at the end if the browser has complained.
        """
        origin = f"http://{HOST}:{origin}" if isinstance(origin, int) else origin
        context = self._browser.new_context(
            viewport={"width": screen.width, "height": screen.height},
            device_scale_factor=screen.scale,
            is_mobile=screen.is_phone,
            has_touch=screen.is_phone,
            color_scheme="dark" if is_dark else "light",
            java_script_enabled=has_scripts,
            reduced_motion="no-preference" if moves else "reduce",
            **more,
        )
        with contextlib.closing(context):
            if cookie:
                name, _, secret = cookie.partition("=")
                context.add_cookies([{"name": name, "value": secret, "url": origin}])
            tab = Tab(context, origin)
            yield tab
            assert may_complain or not tab.complaints, tab.complaints

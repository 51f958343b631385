"""The pages with forms, and the roles that may open them: one table for all tests of access."""

from typing import NamedTuple

from shocpp.interfaces.web.pages.card_rows import card_key

ADMINS = frozenset({"admin"})
BOOKS = frozenset({"admin", "treasurer"})
DRIVERS = frozenset({"driver"})


CHARGER_FORMS = (
    *("/details", "/password", "/rotate", "/open", "/user", "/origin", "/remove"),
    *("/reset", "/unlock", "/availability", "/configuration", "/configuration/read"),
)


class PageRow(NamedTuple):
    """A page: its rule, a path of it in the tests, its roles, and the rules of its forms."""

    rule: str
    path: str
    roles: frozenset[str]
    forms: tuple[str, ...] = ()


CARD_KEY = card_key("3333")
"""The name of the card 3333 of family-y in forms and addresses."""

STATEMENT = "/accounts/2/statements/2026-10.pdf"

PAGES = (
    PageRow("/account", "/account", DRIVERS),
    PageRow("/account/cards/<key>/lost", f"/account/cards/{CARD_KEY}/lost", DRIVERS, ("",)),
    *(
        PageRow(f"{base}/day/<name>{ending}", f"{base}/day/2026-10-01{ending}", roles)
        for base, roles in (("/account", DRIVERS), ("/site", BOOKS))
        for ending in ("", ".csv", "/limits.csv")
    ),
    PageRow("/accounts", "/accounts", BOOKS, ("",)),
    PageRow(
        "/accounts/<int:index>",
        "/accounts/2",
        BOOKS,
        ("/recipient", "/block", "/card", "/card/name", "/card/block", "/learn", "/rename"),
    ),
    PageRow("/accounts/<int:index>/remove", "/accounts/2/remove", BOOKS, ("",)),
    PageRow(
        *("/accounts/<int:index>/cards/<key>/remove", f"/accounts/2/cards/{CARD_KEY}/remove"),
        *(BOOKS, ("",)),
    ),
    PageRow("/accounts/<int:index>/statements", "/accounts/2/statements", BOOKS, ("/mail",)),
    PageRow("/accounts/<int:index>/statements/<month>.pdf", STATEMENT, BOOKS),
    PageRow("/accounts/statements/<month>.zip", "/accounts/statements/2026-10.zip", BOOKS),
    PageRow("/prices", "/prices", BOOKS, ("", "/save", "/remove")),
    PageRow("/settings", "/settings", BOOKS, ("",)),
    PageRow("/settings/people", "/settings/people", ADMINS, ("", "/remove")),
    PageRow(
        *("/settings/devices", "/settings/devices", ADMINS),
        ("/invite", "/revoke", "/withdraw"),
    ),
    PageRow(
        *("/settings/calls", "/settings/calls", ADMINS),
        ("/start", "/stop", "/limit", "/mode", "/show", "/remove"),
    ),
    PageRow("/check", "/check", ADMINS),
    PageRow("/site", "/site", BOOKS),
    PageRow("/site/limit", "/site/limit", ADMINS, ("",)),
    PageRow("/site/dimmings", "/site/dimmings", BOOKS),
    PageRow("/site/dimmings.csv", "/site/dimmings.csv", BOOKS),
    PageRow("/mode", "/mode", ADMINS | DRIVERS, ("",)),
    PageRow("/chargers", "/chargers", ADMINS, ("",)),
    PageRow("/chargers/<charge_point>", "/chargers/garage", ADMINS, CHARGER_FORMS),
    PageRow("/chargers/<charge_point>/reset", "/chargers/garage/reset", ADMINS),
    PageRow("/chargers/<charge_point>/unlock", "/chargers/garage/unlock?connector=1", ADMINS),
    PageRow("/chargers/<charge_point>/open", "/chargers/garage/open", ADMINS),
    PageRow("/chargers/<charge_point>/remove", "/chargers/garage/remove", ADMINS),
    PageRow("/chargers/<charge_point>/frames", "/chargers/garage/frames", ADMINS),
    PageRow("/sticker/<charge_point>", "/sticker/garage", ADMINS),
    PageRow("/setup", "/setup", ADMINS, ("/card", "/examples", "/phone")),
    PageRow("/setup/<step>", "/setup/charger", ADMINS),
)


def rules() -> set[str]:
    """Return the rules of all pages with forms, and of their forms."""
    return {row.rule + form for row in PAGES for form in ("", *row.forms)}

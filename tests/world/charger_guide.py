"""docs/chargers.md, made from the table of charger models: `make guide`.

python -m tests.world.charger_guide
"""

from collections.abc import Container, Iterator, Sequence

from shocpp.charger_models.live_power import INTERVAL, MEASURANDS, offered_settings, questions
from shocpp.charger_models.model import (
    Access,
    AddressForm,
    ChargerModel,
    ChargerModels,
    Connection,
    IdentityForm,
    PasswordForm,
    Source,
)
from shocpp.charger_models.typed_values import Field, ServerAddress, TypedValue, typed_values
from shocpp.configuration.charger_models import charger_models
from tests.world.machine import ROOT

FILE = ROOT / "docs" / "chargers.md"

HOME, NGINX = (
    ServerAddress("192.168.1.10", 8080),
    ServerAddress("charging.example.org", 443, "ocpp", True),
)
NAME, PASSWORD = "garage", "?" * 20

NOT_KNOWN = "not known"

HEAD = """\
# Chargers: what to type where

<!-- made by `make guide` from shocpp/charger_models/models.toml; change that file -->

The facts are from public sources, each with its date; nothing was tried on hardware. *Not known*
means that no source was found until {gathered}.

## What cannot work

{obstacles}
Of these it is not known:

{unknown}
## Before you type

1. In the charger, choose OCPP 1.6 JSON (also called 1.6-J or WebSocket): not SOAP, not 2.0.1, not
   automatic.
2. The page “Chargers” admits the charger, and shows what its model needs in which field. Or
   `shocpp charge-points add NAME` prints its address, its password, and the password in hex.
3. Type the number of the server (`192.168.1.10`), not a name such as `box.local`: some chargers do
   not find names. In your router, give the server a number that stays the same.
4. The charger's name is yours to choose, unless its section says otherwise; letters and digits fit
   all of them. It must be the same in the charger and in shocpp. Upper and lower case, and a slash
   too many, do not matter.
5. A password has 20 characters, and 40 hex digits are the same password: type the form that the
   section names. If none is known, type the characters first. If the password stays empty, admit
   it without one: `shocpp charge-points add --no-password NAME`.
6. `ws://` is for your own network. `wss://` needs the shipped nginx: see the last column.
7. If the charger does not appear, `shocpp charge-points` names the refused ones, with the reason
   and the remedy.

Power on the page is live if the charger sends meter values often. Where a section gives settings,
the page of the charger offers them (“Configuration”), or you send them like this:

    shocpp-command -c garage ChangeConfiguration '{{"key": "{interval}", "value": "10"}}'

The answer is `Accepted`, `RebootRequired` (it holds after a restart), `Rejected` (the charger
refuses this value) or `NotSupported` (it has no such setting). Where a section says *ask first*,
look if the charger calls the setting read-only:

    shocpp-command -c garage GetConfiguration '{{"key": ["{interval}", "{measurands}"]}}'

Settings wear out a charger's memory: do not let a program change them again and again.

## Overview

| charger | address | name | password | for live power |
|---|---|---|---|---|
{overview}
## Charger by charger

The examples have a server at {home}, or behind nginx at {nginx}, and a charger called `{name}`.
"""


def guide(table: ChargerModels) -> str:
    """Return the text of docs/chargers.md."""
    models = [model for model in table.models if has_section(model)]
    head = HEAD.format(
        gathered=table.gathered,
        obstacles=obstacles(
            table,
            "why",
            (Connection.PUBLIC_SERVER, Connection.VENDOR, Connection.NONE),
        ),
        unknown=obstacles(table, "what is known", (Connection.NOT_KNOWN,)),
        interval=INTERVAL,
        measurands=MEASURANDS,
        overview="".join(row(overview(model)) for model in models),
        home=code(HOME.url()),
        nginx=code(NGINX.url()),
        name=NAME,
    )
    return head + "".join(section(model, table.gathered) for model in models)


def has_section(model: ChargerModel) -> bool:
    """Return True if there is something to type into this model."""
    return model.can_connect() and model.connection is not Connection.NOT_KNOWN


def obstacles(table: ChargerModels, head: str, connections: Container[Connection]) -> str:
    """Return the table of models with these connections, each with its reason."""
    rows = "".join(
        row([title(model), english(model.obstacle), sources(model.sources, table.gathered)])
        for model in table.models
        if model.connection in connections
    )
    return f"| charger | {head} | source |\n|---|---|---|\n{rows}"


def overview(model: ChargerModel) -> list[str]:
    """Return the cells of a model in the overview."""
    return [
        title(model),
        address_words(model),
        identity_words(model),
        {
            PasswordForm.EMPTY: "leave empty",
            PasswordForm.TEXT: "characters",
            PasswordForm.HEX: "40 hex digits",
            PasswordForm.NOT_KNOWN: NOT_KNOWN,
        }[model.password],
        live_power_words(model),
    ]


def title(model: ChargerModel) -> str:
    """Return the title of a model, which links to its section if it has one."""
    return f"[{model.title}](#{model.key})" if has_section(model) else model.title


def address_words(model: ChargerModel) -> str:
    """Return the forms of the address in a few words."""
    forms = []
    for address in model.addresses:
        path = f"{address.path}/" if address.path else ""
        url = f"ws://HOST:PORT/{path}"
        words = {
            AddressForm.URL_WITH_IDENTITY: code(f"{url}NAME"),
            AddressForm.URL_WITH_SLASH: code(url),
            AddressForm.URL_WITHOUT_SLASH: code(url.removesuffix("/")),
            AddressForm.URL: f"{code(url)}, slash {NOT_KNOWN}",
            AddressForm.HOST_AND_PATH: "host with port, path",
            AddressForm.PARTS: "host, port, path",
        }[address.form]
        forms.append(f"{words} ({english(address.firmware)})" if address.firmware else words)
    return " or ".join(forms) or NOT_KNOWN


def identity_words(model: ChargerModel) -> str:
    """Return the names that a model takes, in a few words."""
    if model.identity is IdentityForm.OWN:
        return f"its own, {code(model.identity_begins + '…')}"
    words = {
        IdentityForm.FREE: "free",
        IdentityForm.ALPHANUMERIC: "letters, digits",
        IdentityForm.UNDERSCORE: f"letters, digits, {code('_')}",
    }
    longest = f", at most {model.longest_identity}" if model.longest_identity else ""
    return NOT_KNOWN if model.identity is None else words[model.identity] + longest


def live_power_words(model: ChargerModel) -> str:
    """Return the settings of live power in a few words."""
    offered = dict(offered_settings(model))
    asked = questions(model)
    words = []
    for key, name in ((INTERVAL, "interval"), (MEASURANDS, "values")):
        if key in offered:
            words.append(f"set {name}")
        elif key in asked:
            words.append(f"{name}: ask first")
    if asked == (INTERVAL, MEASURANDS):
        return "ask first"
    return ", ".join(words) or "nothing to set"


def section(model: ChargerModel, gathered: str) -> str:
    """Return the section of a model."""
    paragraphs = [f'<a id="{model.key}"></a>\n\n### {model.title}']
    if any(name.split()[0] not in model.title for name in model.names):
        paragraphs.append(f"Models: {', '.join(model.names)}.")
    if model.obstacle is not None:
        paragraphs.append(f"**{english(model.obstacle)}**")
    else:
        paragraphs.append(f"Where: {english(model.place) if model.place else f'{NOT_KNOWN}.'}")
    paragraphs += fields(model)
    if model.identity is IdentityForm.OWN:
        paragraphs.append(
            "Its name cannot be chosen: admit it in shocpp by the name that it has, "
            f"{code(model.identity_begins + '…')}."
        )
    paragraphs.append(live_power(model))
    if model.limits is not None:
        paragraphs.append(f"Limits by OCPP: {english(model.limits)}")
    if model.notes:
        paragraphs.append("\n".join(f"- {english(note)}" for note in model.notes))
    paragraphs.append(f"Sources: {sources(model.sources, gathered)}.")
    return "\n" + "\n\n".join(paragraphs) + "\n"


def fields(model: ChargerModel) -> Iterator[str]:
    """Yield a table of the fields for each form of the address."""
    servers = {"in your network": HOME, "behind nginx": NGINX}
    if model.connection is Connection.PUBLIC_SERVER:
        del servers["in your network"]
    if not model.addresses:
        yield f"The form of the address is {NOT_KNOWN}. Try:"
    for address in model.addresses or (None,):
        if address is not None and address.firmware is not None:
            yield f"With {english(address.firmware)}:"
        columns = [
            typed_values(model, server, NAME, PASSWORD, "en", address)
            for server in servers.values()
        ]
        rows = [
            row([cells[0].label, *(printed_value(cell) for cell in cells)])
            for cells in zip(*columns, strict=True)
        ]
        head = row(["field", *servers]) + "|---" * (1 + len(servers)) + "|\n"
        yield head + "".join(rows).removesuffix("\n")


def printed_value(typed: TypedValue) -> str:
    """Return a value as it is printed; a password in words."""
    if not typed.value:
        return "*leave empty*"
    if typed.value == PASSWORD:
        return "its password"
    if typed.field in (Field.PASSWORD, Field.PASSWORD_HEX):
        return "its password in hex"
    return typed.value if typed.field is Field.ENCRYPTION else code(typed.value)


def live_power(model: ChargerModel) -> str:
    """Return the paragraph on live power."""
    offered = offered_settings(model)
    parts = [f"set {code(key)} to {code(value)}" for key, value in offered]
    if asked := questions(model):
        parts.append(f"ask first for {' and '.join(map(code, asked))}")
    if model.interval.least_s:
        parts.append(f"no interval below {model.interval.least_s} s")
    if model.measurands.access is Access.READ_ONLY:
        parts.append(f"{code(MEASURANDS)} is read-only")
    if Access.NONE in (model.interval.access, model.measurands.access):
        parts.append("nothing can be set")
    elif not model.takes_questions:
        parts.append("do not ask for its settings")
    if model.measurands.names and MEASURANDS not in dict(offered):
        parts.append(f"it sends {', '.join(model.measurands.names)}")
    return f"Live power: {'; '.join(parts)}."


def sources(listed: Sequence[Source], gathered: str) -> str:
    """Return sources with links and dates; one without a date has the month of its reading."""
    texts = []
    for source in listed:
        name = f"[{source.name}]({source.url})" if source.url else source.name
        texts.append(f"{name} ({source.date or f'read {gathered}'})")
    return ", ".join(texts) or "none"


def english(text: object) -> str:
    """Return the English form of a text; angle brackets would be tags."""
    assert isinstance(text, dict)
    return str(text["en"]).replace("<", "&lt;")


def code(text: str) -> str:
    """Return a text in the font of code."""
    return f"`{text}`"


def row(cells: Sequence[str]) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    FILE.write_text(guide(charger_models()), encoding="utf-8")
    print(f"{FILE.relative_to(ROOT)} is written")

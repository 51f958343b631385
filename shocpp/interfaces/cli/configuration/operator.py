"""The command `operator`: print and change the letterhead and the mail addresses of statements."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from shocpp.errors import UsageError
from shocpp.interfaces.cli.conventions import HELP, one_line_errors
from shocpp.interfaces.lines import one_line
from shocpp.settings import read_settings

if TYPE_CHECKING:
    from shocpp.configuration.operator import OperatorFile

_WIDTH = 12
"""The width of the longest label, `tax number`, with its gap."""


@click.group(context_settings=HELP, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON object instead of lines.")
@click.pass_context
@one_line_errors
def operator(context: click.Context, as_json: bool) -> None:
    """Print the letterhead and the mail addresses of conf/operator.json; `set` changes them.

    \b
    Example: shocpp operator
    Example: shocpp operator set --name "WEG Sonnenallee 12" --mail-from kasse@example.org
    """
    from shocpp.configuration.operator import load_operator

    if context.invoked_subcommand is not None:
        return
    content = load_operator(read_settings().operator_file)
    if as_json:
        click.echo(json.dumps(_as_object(content), ensure_ascii=False, indent=2))
        return
    lines = list(_lines(content))
    for line in lines or ["none; write the first line of it: shocpp operator set --name NAME"]:
        click.echo(one_line(line))


def _as_object(content: "OperatorFile") -> dict[str, Any]:
    """Return the content with the keys of the file."""
    mail = content.mail
    addresses = {"from": mail.sender, "to": dict(mail.to), "all": mail.all}
    return {**content.operator._asdict(), "mail": addresses}


def _lines(content: "OperatorFile") -> Iterator[str]:
    """Yield the lines for people; a text that is missing has none."""
    letterhead, mail = content.operator, content.mail
    days = letterhead.payment_days
    texts: list[tuple[str, tuple[str, ...]]] = [
        ("name", (letterhead.name,)),
        ("address", letterhead.address),
        ("contact", letterhead.contact),
        ("tax number", (letterhead.tax_number,)),
        ("VAT id", (letterhead.vat_id,)),
        ("tax", (letterhead.tax,)),
        ("tax note", (letterhead.tax_note,)),
        ("IBAN", (letterhead.iban,)),
        ("holder", (letterhead.account_holder,)),
        ("due after", ("" if days is None else f"{days} days",)),
        ("signed by", (letterhead.signed_by,)),
        ("note", (letterhead.note,)),
        ("mail from", (mail.sender,)),
        ("mail all", mail.all),
    ]
    for label, lines in texts:
        for number, line in enumerate(filter(None, lines)):
            yield f"{'' if number else label:<{_WIDTH}}{line}"
    for account, addresses in mail.to.items():
        yield f"{'mail to':<{_WIDTH}}{account}: {', '.join(addresses)}"


@operator.command("set", context_settings=HELP)
@click.option("--name", metavar="TEXT", help="The first line of the letterhead.")
@click.option(
    "--address", metavar="LINE", multiple=True, help="A line of the address; repeat it for more."
)
@click.option(
    "--contact", metavar="LINE", multiple=True, help="A line such as a telephone number; likewise."
)
@click.option("--tax-number", metavar="TEXT", help="The tax number.")
@click.option("--vat-id", metavar="TEXT", help="The VAT identification number.")
@click.option(
    "--tax",
    metavar="KIND",
    help="vat, small-business (§ 19 UStG), exempt, or none for no word about taxes.",
)
@click.option("--tax-note", metavar="TEXT", help="The sentence about the tax; exempt needs it.")
@click.option("--iban", metavar="IBAN", help="The bank account to transfer to.")
@click.option("--account-holder", metavar="TEXT", help="Its holder as the bank knows it.")
@click.option("--payment-days", metavar="DAYS", help="Days from the closing until payment is due.")
@click.option("--signed-by", metavar="TEXT", help="The name under the line for the signature.")
@click.option("--note", metavar="TEXT", help="A sentence at the end of statements and mails.")
@click.option("--mail-from", metavar="ADDRESS", help="The address that sends the statements.")
@click.option(
    "--mail-all",
    metavar="ADDRESS",
    multiple=True,
    help="For the statement of all accounts; repeat it for more.",
)
@one_line_errors
def set_(
    name: str | None,
    address: tuple[str, ...],
    contact: tuple[str, ...],
    tax_number: str | None,
    vat_id: str | None,
    tax: str | None,
    tax_note: str | None,
    iban: str | None,
    account_holder: str | None,
    payment_days: str | None,
    signed_by: str | None,
    note: str | None,
    mail_from: str | None,
    mail_all: tuple[str, ...],
) -> None:
    """Change what conf/operator.json says; an empty value removes it.

    The addresses for the statement of one account: shocpp accounts set ACCOUNT --mail

    \b
    Example: shocpp operator set --address "Sonnenallee 12" --address "12045 Berlin"
    """
    from shocpp.configuration.editing.operator import set_operator

    letterhead = {
        **_texts(
            {
                "name": name,
                "tax_number": tax_number,
                "vat_id": vat_id,
                "tax": tax,
                "tax_note": tax_note,
                "iban": iban,
                "account_holder": account_holder,
                "signed_by": signed_by,
                "note": note,
            }
        ),
        **_number({"payment_days": payment_days}),
        **_lists({"address": address, "contact": contact}),
    }
    mail = {**_texts({"from": mail_from}), **_lists({"all": mail_all})}
    if not letterhead and not mail:
        raise UsageError("name something to change; see: shocpp operator set --help")
    path = read_settings().operator_file
    set_operator(path, letterhead, mail)
    click.echo(one_line(f"{path} is changed"))


def _number(values: dict[str, str | None]) -> dict[str, int | str | None]:
    """Return the whole numbers that are given; what is none is refused as the file's value."""
    return {
        key: int(text) if text is not None and text.isdecimal() else text
        for key, text in _texts(values).items()
    }


def _texts(values: dict[str, str | None]) -> dict[str, str | None]:
    """Return the texts that are given; None for an empty one."""
    return {key: text or None for key, text in values.items() if text is not None}


def _lists(values: dict[str, tuple[str, ...]]) -> dict[str, list[str] | None]:
    """Return the lists that are given; None for an empty one."""
    return {key: [line for line in lines if line] or None for key, lines in values.items() if lines}

"""The effects of canned calls in words, for commands and pages."""

from shocpp.configuration.canned_calls import CannedCall
from shocpp.configuration.canned_choices import DEFAULT, LIMIT, MODE, OFF
from shocpp.language.canned_calls import CANNED_CALLS
from shocpp.language.modes import choice_text, mode_name
from shocpp.ledger.accounts import Accounts, id_tag_key


def effect_text(call: CannedCall, accounts: Accounts, language: str) -> str:
    """Return what a canned call does, in words without a subject."""
    payload = call.payload
    values = {
        "account": call.account or payload.get("account"),
        "card": payload.get("idTag"),
        "transaction": payload.get("transactionId"),
        "action": call.action,
        "limit": payload.get("limit"),
        "until": payload.get("until"),
    }
    if call.action == LIMIT:
        key = "limit_off" if payload["limit"] == OFF else "limit"
        key = "limit_until" if payload.get("until") else key
    elif call.action == MODE:
        key = "mode_default" if payload["mode"] == DEFAULT else "mode"
        values["mode"] = choice_text(
            mode_name(payload["mode"], language),
            payload.get("until") or "",
            None if payload.get("kwh") is None else round(1000 * payload["kwh"]),
            payload.get("by") or "",
            language,
        )
    elif call.action == "RemoteStartTransaction":
        owner = accounts.by_id_tag.get(id_tag_key(payload["idTag"]))
        key = f"start{'_of' if owner else ''}{'_waits' if call.waits else ''}"
        values["account"] = owner.name if owner else None
    elif call.action == "RemoteStopTransaction":
        if "transactionId" in payload:
            key = "stop_transaction"
        else:
            key = "stop_of" if "account" in payload else "stop"
    else:
        key = call.shows or "sends"
    return CANNED_CALLS[language][key].format(**values)

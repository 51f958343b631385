"""The ledger decided anew from the frames that chargers have sent (a room).

What must not change is what the chargers were told: the transaction id, the account in it and the
status of the card are those of the answers of then, and the card that was meant where none was
told. A human's decision holds as long as the record that it is about is derived again as it was.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from shocpp.bookkeeping.billing import Billing, ReceivedFrame
from shocpp.bookkeeping.posting import posting
from shocpp.bookkeeping.record_files import record_paths
from shocpp.central_system.conversation import connection_of
from shocpp.configuration.charge_points import OPEN_TO_ALL, load_allowlist_or_none
from shocpp.configuration.tags import TagsFile
from shocpp.errors import UsageError
from shocpp.ledger.accounts import Account, Accounts, id_tag_key
from shocpp.ledger.matching import stop_key
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX, unpack
from shocpp.ledger.transactions import NO_CARD_TOLD, start_key
from shocpp.ocpp.connection import Reported
from shocpp.ocpp.facts import MeterValuesReported, TransactionStarted, TransactionStopped
from shocpp.ocpp.frames import Payload
from shocpp.recovery.filed_records import Filed, read_filed
from shocpp.recovery.restore import Restored, Restoring, Tell
from shocpp.settings import Settings
from shocpp.store.books import audit, closings, prices, records, restored, transactions
from shocpp.store.books.restored import Assigned, Kept
from shocpp.store.charge_points import frames, identities
from shocpp.store.charge_points.frames import EnergyFrame
from shocpp.store.database import Database

AT_ONCE = 500


class AnsweredCards(TagsFile):
    """The accounts, with the one card that was answered in its own way."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._key: str | None = None
        self._account: Account | None = None

    def answered(self, id_tag: str | None, account: Account | None = None) -> None:
        """From now on this card is of this account, or of none; None: as tags.json says."""
        self._key = None if id_tag is None else id_tag_key(id_tag)
        self._account = account

    def accounts(self, bound: Mapping[int, str]) -> Accounts:
        """The accounts of tags.json, but for that card."""
        listed = super().accounts(bound)
        if self._key is None:
            return listed
        others = {key: account for key, account in listed.by_id_tag.items() if key != self._key}
        card = {} if self._account is None else {self._key: self._account}
        return Accounts(listed.by_index, others | card)


class Rederiving:
    """The deriving of one ledger, in a copy of its database.

    ConfigError where charge_points.json cannot be read: it names zones and caps.
    """

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._allowlist = load_allowlist_or_none(settings.charge_points_file)
        self._cards = AnsweredCards(settings.tags_file)
        self._billing = Billing(db, self._cards, posting(db, settings))
        self._restoring = Restoring(db, settings)
        self._names = transactions.account_names(db)
        self._given = {one[:3]: one for one in restored.assigned(db)}
        self._meant = restored.effective_id_tags(db, NO_CARD_TOLD)
        self._with_frames = frames.stop_moments(db)
        self._derived: list[Path] = []
        self._only_filed: set[str] = set()
        self._void: list[Path] = []
        self._kept = Kept(set(), set(), set())
        folder = settings.accounting_folder
        self._paths = record_paths(folder) if folder.exists() else []

    def run(self, tell: Tell) -> Restored:
        """Derive it; what has no frames comes from its files. Raises StoreUnavailable."""
        db = self._db
        with db.writing(durable=False):
            restored.forget_all(db)
            self._kept = restored.kept(db)
        self._restoring.restore_records(self._paths, lambda _: None, self._has_no_frame)
        decisions = self._restoring.decisions()[::-1]
        last = 0
        while some := frames.with_energy(db, last, AT_ONCE):
            with db.writing(durable=False):
                for frame in some:
                    while decisions and decisions[-1].booked_ms <= frame.moment_ms:
                        self._decide(decisions.pop())
                    self._play(frame)
            last = some[-1].id
            tell(len(some))
        with db.writing():
            while decisions:
                self._decide(decisions.pop())
        with db.writing(durable=False):
            for path in self._derived:
                if self._is_borne_out(path):
                    self._keep_price(path)
                elif not self._is_in_closed_month(path.name):
                    self._void.append(path)
        return self._restoring.outcome()

    def set_aside(self) -> tuple[Path, ...]:
        """Rename the files that their frames do not bear out, so that the right ones can be."""
        aside = []
        for path in self._void:
            aside.append(path.with_name(f"{path.name}.superseded"))
            path.replace(aside[-1])
        return tuple(aside)

    def _has_no_frame(self, filed: Filed) -> bool:
        """Whether only its file tells of a record: it was imported, or is older than the frames."""
        row = identities.row_of(self._db, filed.charge_point_id or "")
        if filed.stop is None or (row, filed.stop["received_ms"]) not in self._with_frames:
            self._only_filed.add(filed.path.name)
            return True
        self._derived.append(filed.path)
        start = filed.start
        if row is not None and start is not None and start["assigned_by"] is not None:
            key = (row, start["received_ms"], start["start_key"])
            told = (start["account_index"], start["account"], start["assigned_by"])
            self._given.setdefault(key, Assigned(*key, *told))
        if row is not None and start is not None and NO_CARD_TOLD in start["flags"]:
            self._meant.setdefault((row, start["received_ms"], start["start_key"]), start["id_tag"])
        return False

    def _is_borne_out(self, path: Path) -> bool:
        """Whether the record of a file was derived again as the file tells it."""
        number = records.number_of(self._db, path.name)
        stored = None if number is None else records.stored(self._db, number)
        if stored is None or path.name in self._only_filed:
            return stored is not None
        try:
            return stored.record == read_filed(path).record
        except UsageError:
            return False

    def _keep_price(self, path: Path) -> None:
        """Prices are not derived again: tariffs.json may have changed since."""
        number = records.number_of(self._db, path.name)
        stored = None if number is None else records.stored(self._db, number)
        if number is not None and stored and not closings.is_closed(self._db, stored.place.month):
            prices.replace(self._db, number, read_filed(path).price)

    def _holds(self, filed: Filed) -> bool:
        """Whether what a human has decided on is there again."""
        if filed.replaces_file is not None:
            return self._is_in_closed_month(filed.replaces_file) or self._is_borne_out(
                filed.path.parent / filed.replaces_file
            )
        row = identities.row_of(self._db, filed.charge_point_id or "")
        if filed.start is not None:
            return restored.is_orphaned(self._db, row, filed.start)
        record = filed.record
        return audit.is_gap(self._db, row, record.connector_id, record.begin_wh, record.end_wh)

    def _is_in_closed_month(self, file_name: str) -> bool:
        """Whether a record was left as it was; a later decision about it is in another month."""
        number = records.number_of(self._db, file_name)
        stored = None if number is None else records.stored(self._db, number)
        return stored is not None and closings.is_closed(self._db, stored.place.month)

    def _decide(self, filed: Filed) -> None:
        record, start = filed.record, filed.start
        if start is not None and filed.replaces_file is None:
            # Its file may be younger than a late stop, which has moved the end.
            covered_to_wh = record.begin_wh if filed.entry == "dismissal" else record.end_wh
            filed = filed._replace(start={**start, "meter_stop_wh": covered_to_wh})
        if self._is_in_closed_month(filed.place.file_name) or self._holds(filed):
            self._restoring.restore_one(filed)
            return
        self._void.append(filed.path)
        self._restoring.refused.append(
            f"{filed.path}: what it decides on was derived in another way; it is set aside, "
            "decide again: shocpp review"
        )

    def _play(self, frame: EnergyFrame) -> None:
        entry = self._allowlist.entry(frame.charge_point_id) or OPEN_TO_ALL
        event = connection_of(entry, 0).receive(frame.text, frame.moment_ms)
        if not isinstance(event, Reported):
            return
        heard = ReceivedFrame(
            *(frame.charge_point, frame.charge_point_id, frame.id, frame.text, frame.moment_ms),
            entry,
        )
        self._cards.answered(None)
        self._billing.begin()
        fact, come = event.fact, (heard.charge_point, heard.received_ms)
        if isinstance(fact, TransactionStarted):
            if (*come, start_key(fact)) not in self._kept.starts:
                self._start(heard, fact, _confirmation(frame.answer))
        elif isinstance(fact, TransactionStopped):
            if (*come, stop_key(fact)) not in self._kept.stops:
                self._billing.stop(heard, fact)
        elif isinstance(fact, MeterValuesReported) and frame.id not in self._kept.frames:
            self._billing.meter_values(heard, fact)
        self._billing.write()

    def _start(self, heard: ReceivedFrame, started: TransactionStarted, answer: Payload) -> None:
        issued = answer.get("transactionId")
        key = (heard.charge_point, heard.received_ms, start_key(started))
        meant = self._meant.get(key)
        heard = heard._replace(entry=heard.entry._replace(default_tag=meant))
        if isinstance(issued, int):
            id_tag = meant or started.id_tag
            self._cards.answered(id_tag, self._account(issued, id_tag, answer))
        derived = self._billing.start(heard, started)["transactionId"]
        if isinstance(issued, int) and issued != derived:
            restored.reissue(self._db, heard.charge_point, derived, issued)
        given = self._given.get(key)
        if given is not None:
            restored.assign_again(self._db, given)

    def _account(self, issued: int, id_tag: str, answer: Payload) -> Account | None:
        """The account that an issued id names, with the status that its card was answered."""
        said = unpack(issued)
        if said is None or said.account_index == UNASSIGNED_INDEX:
            return None
        status = answer.get("idTagInfo", {}).get("status")
        return Account(
            said.account_index,
            self._names.get(said.account_index, f"account {said.account_index}"),
            blocked=frozenset({id_tag_key(id_tag)} if status == "Blocked" else ()),
            expires_ms=0 if status == "Expired" else None,
            concurrent=status != "ConcurrentTx",
        )


def _confirmation(answer: str | None) -> Payload:
    payload = json.loads(answer)[2] if answer is not None else {}
    return payload if isinstance(payload, dict) else {}

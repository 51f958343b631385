"""The rows of a damaged database, read from its pages without SQLite.

SQLite refuses the whole file if its first page is damaged, and a whole table if an inner page is.
The rows are in the leaf pages all the same, each page for itself (Database File Format, §1.6, §2).
A page of the -wal replaces that of the file if its transaction was committed (§4.1).
"""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from shocpp.store.files.identity import real_path

_TABLE_LEAF, _TABLE_INTERIOR, _INDEX_LEAF, _INDEX_INTERIOR = 13, 5, 10, 2
_SIZES = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}
"""The lengths of values by their serial types."""

_PAGE_SIZE = 4096
"""The size of our pages, for a file that does not say it."""

_WAL_HEADER, _FRAME_HEADER = 32, 24

Value = int | float | str | bytes | None


class PageRow(NamedTuple):
    """A row: its row id, None in a table without row ids, and its values."""

    row_id: int | None
    values: tuple[Value, ...]


class Pages:
    """The pages of a database file with its -wal.

    `unreadable_pages` and `unreadable_rows` count what `rows` could not read.
    """

    def __init__(self, path: Path) -> None:
        """Open the file and its -wal. Raises OSError."""
        self.unreadable_pages = self.unreadable_rows = 0
        self._file = _mapped(path)
        real = real_path(path)
        self._wal = _mapped(real.with_name(f"{real.name}-wal"))
        has_header = self._file[:16] == b"SQLite format 3\0"
        said = self._file[16:18] if has_header else self._wal[10:12]
        self._size: int = _page_size(said) or _PAGE_SIZE
        self._committed = self._of_wal()
        self.count = max(-(-len(self._file) // self._size), max(self._committed, default=0))
        self._free = self._free_pages() if has_header else set()

    def rows(self) -> Iterator[PageRow | None]:
        """Yield the rows of all leaf pages; None after each page."""
        for number in range(1, self.count + 1):
            if number not in self._free:
                yield from self._rows_of(number)
            yield None

    def rows_below(self, root: int) -> Iterator[PageRow]:
        """Yield the rows of the table or index with this root page, whose tree `is_intact`."""
        for number in self._tree(root):
            yield from self._rows_of(number)

    def is_intact(self, root: int) -> bool:
        """Return True if no page of the tree with this root page is lost."""
        try:
            return all(True for _ in self._tree(root))
        except ValueError:
            return False

    # -- pages ------------------------------------------------------------------------------------

    def _tree(self, root: int) -> Iterator[int]:
        """Yield the pages of a tree; raises ValueError if one is no page of a tree."""
        waiting, seen = [root], set[int]()
        while waiting:
            number = waiting.pop()
            page = self._page(number) if 0 < number <= self.count else b""
            start = 100 if number == 1 else 0
            kind = page[start] if len(page) == self._size else 0
            if number in seen or kind not in (
                *(_TABLE_LEAF, _TABLE_INTERIOR),
                *(_INDEX_LEAF, _INDEX_INTERIOR),
            ):
                raise ValueError(f"page {number} is no page of a tree")
            seen.add(number)
            yield number
            if kind in (_TABLE_INTERIOR, _INDEX_INTERIOR):
                count = int.from_bytes(page[start + 3 : start + 5], "big")
                cells = struct.iter_unpack(">H", page[start + 12 : start + 12 + 2 * count])
                waiting += [int.from_bytes(page[at : at + 4], "big") for (at,) in cells]
                waiting.append(int.from_bytes(page[start + 8 : start + 12], "big"))

    def _page(self, number: int) -> bytes:
        at = self._committed.get(number)
        source = self._file if at is None else self._wal
        at = (number - 1) * self._size if at is None else at
        return source[at : at + self._size]

    def _of_wal(self) -> dict[int, int]:
        """Return the newest committed pages of the -wal, with their offsets in it."""
        wal, found, pending = self._wal, dict[int, int](), dict[int, int]()
        if len(wal) < _WAL_HEADER or _page_size(wal[10:12]) != self._size:
            return found
        order = {0x377F0682: "<", 0x377F0683: ">"}.get(int.from_bytes(wal[:4], "big"))
        if order is None:
            return found
        salts, checksum = wal[16:24], _checksum(order, wal[:24], (0, 0))
        if struct.pack(">II", *checksum) != wal[24:32]:
            return found
        step = _FRAME_HEADER + self._size
        for at in range(_WAL_HEADER, len(wal) - step + 1, step):
            head = wal[at : at + _FRAME_HEADER]
            content = wal[at + _FRAME_HEADER : at + step]
            checksum = _checksum(order, head[:8] + content, checksum)
            # The frames of an earlier round of the file have other salts.
            if head[8:16] != salts or struct.pack(">II", *checksum) != head[16:24]:
                break
            number, pages_after_commit = struct.unpack(">II", head[:8])
            pending[number] = at + _FRAME_HEADER
            if pages_after_commit:
                found |= pending
                pending = {}
        return found

    def _free_pages(self) -> set[int]:
        """Return the pages of the freelist, which hold rows that were deleted."""
        free, trunk = set[int](), int.from_bytes(self._page(1)[32:36], "big")
        while 0 < trunk <= self.count and trunk not in free:
            page = self._page(trunk)
            count = min(int.from_bytes(page[4:8], "big"), self._size // 4 - 2)
            # The file may have been cut off within this page.
            listed = page[8 : 8 + 4 * count]
            leaves = struct.unpack(f">{len(listed) // 4}I", listed[: len(listed) // 4 * 4])
            free |= {trunk, *leaves}
            trunk = int.from_bytes(page[:4], "big")
        return free

    # -- rows -------------------------------------------------------------------------------------

    def _rows_of(self, number: int) -> Iterator[PageRow]:
        page = self._page(number)
        start = 100 if number == 1 else 0
        if len(page) < self._size or not any(page):
            self.unreadable_pages += 1
            return
        kind = page[start]
        if kind not in (_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR):
            return
        count = int.from_bytes(page[start + 3 : start + 5], "big")
        pointers = start + (12 if kind == _INDEX_INTERIOR else 8)
        if pointers + 2 * count > self._size:
            # An overflow page may begin with any byte.
            return
        for index in range(count):
            at = int.from_bytes(page[pointers + 2 * index : pointers + 2 * index + 2], "big")
            try:
                row = self._cell(page, at, kind)
            except (IndexError, ValueError, struct.error):
                self.unreadable_rows += kind == _TABLE_LEAF
            else:
                yield row

    def _cell(self, page: bytes, at: int, kind: int) -> PageRow:
        """Return the row of a cell; raises ValueError or IndexError if it is damaged."""
        if kind == _INDEX_INTERIOR:
            at += 4
        length, at = _varint(page, at)
        row_id = None
        if kind == _TABLE_LEAF:
            row_id, at = _varint(page, at)
            most = self._size - 35
        else:
            most = (self._size - 12) * 64 // 255 - 23
        local = length
        if length > most:
            least = (self._size - 12) * 32 // 255 - 23
            local = least + (length - least) % (self._size - 4)
            local = local if local <= most else least
        payload = page[at : at + local]
        if len(payload) < local:
            raise ValueError("a cell beyond its page")
        if length > local:
            following = int.from_bytes(page[at + local : at + local + 4], "big")
            payload = self._with_overflow(payload, length, following)
        return PageRow(row_id, _values(payload))

    def _with_overflow(self, payload: bytes, length: int, following: int) -> bytes:
        """Return a whole payload whose rest is in a chain of overflow pages."""
        if length > self.count * self._size:
            raise ValueError("a payload longer than the file")
        parts, size = [payload], len(payload)
        while size < length:
            if not 0 < following <= self.count:
                raise ValueError("a chain of overflow pages is broken")
            page = self._page(following)
            part = page[4 : 4 + length - size]
            if not part:
                raise ValueError("a chain of overflow pages is broken")
            parts.append(part)
            size += len(part)
            following = int.from_bytes(page[:4], "big")
        return b"".join(parts)


def _mapped(path: Path) -> mmap.mmap | bytes:
    """Return the content of a file without reading it; nothing of an empty or missing one."""
    try:
        with open(path, "rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (FileNotFoundError, ValueError):
        return b""


def _page_size(octets: bytes) -> int | None:
    """Return the page size in a header, or None if there is no such size."""
    size = int.from_bytes(octets, "big")
    size = 65536 if size == 1 else size
    return size if 512 <= size <= 65536 and size & (size - 1) == 0 else None


def _checksum(order: str, octets: bytes, before: tuple[int, int]) -> tuple[int, int]:
    first, second = before
    words = struct.unpack(f"{order}{len(octets) // 4}I", octets)
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second


def _varint(octets: bytes, at: int) -> tuple[int, int]:
    """Return a variable-length integer, and the offset after it."""
    value = 0
    for index in range(9):
        octet = octets[at + index]
        if index == 8:
            value = value << 8 | octet
            return value - (1 << 64 if value >= 1 << 63 else 0), at + 9
        value = value << 7 | octet & 0x7F
        if octet < 0x80:
            break
    return value, at + index + 1


def _values(payload: bytes) -> tuple[Value, ...]:
    """Return the values of a record; raises ValueError or IndexError if it is damaged."""
    header, at = _varint(payload, 0)
    body, values = header, list[Value]()
    while at < header:
        kind, at = _varint(payload, at)
        size = _SIZES.get(kind, (kind - 12) // 2)
        octets = payload[body : body + size]
        if kind in (10, 11) or size < 0 or len(octets) < size:
            raise ValueError("a value beyond its record")
        body += size
        if kind == 0:
            values.append(None)
        elif kind == 7:
            values.append(struct.unpack(">d", octets)[0])
        elif kind in (8, 9):
            values.append(kind - 8)
        elif kind < 7:
            values.append(int.from_bytes(octets, "big", signed=True))
        else:
            # A text that is no UTF-8 is damaged.
            values.append(octets.decode() if kind % 2 else octets)
    if at != header or body != len(payload):
        raise ValueError("a record of another length")
    return tuple(values)

"""Tables of figures, in Markdown."""

from collections.abc import Iterator, Sequence


def table(title: str, head: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
    """Print a table, each row once it is there."""
    print(f"\n{title}\n")
    print(f"| {' | '.join(head)} |")
    print("|---" * len(head) + "|")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)

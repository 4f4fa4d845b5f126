"""The demo: publish real texts, follow each to its outcome, show the ledger and one text before and after."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from clearmark import wiring
from clearmark.cli.ledger import show
from clearmark.demo.texts import ESSAY, uploads
from clearmark.errors import Stop
from clearmark.kafka import clients
from clearmark.ledger.checkpoint import State
from clearmark.ledger.ledger import ENDS, Ledger
from clearmark.mark.verify import verify
from clearmark.publish import publish
from clearmark.topology import Topic
from clearmark.watch import Follower, Seen

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from clearmark.publish import Upload
    from clearmark.up.machine import Machine

_PATIENCE_S: Final = 120.0
_COLOURS: Final = {
    Topic.APPROVED: "green",
    Topic.BLOCKED: "red",
    Topic.REVIEW: "yellow",
    Topic.DEAD_LETTER: "magenta",
}


def demo(machine: Machine, folder: Path, console: Console, begun: float) -> bool:
    """Run the demo; return whether the ledger closes and each text has its outcome.

    Args:
        machine: what is running.
        folder: where the text before and after is written.
        console: where it is shown.
        begun: when the command was started, by the monotonic clock.
    """
    config = machine.config
    topology = config.topics.topology()
    follower = Follower(clients.reader(config), topology, list(ENDS), beginning=False)
    files = uploads()
    seen = _follow(machine, follower, files, console, begun)
    follower.close()
    _outcomes(files, seen, console)
    ledger = Ledger(clients.reader(config), clients.admin(config), topology, State())
    ledger.update()
    report = ledger.report(config.ledger.age_s)
    ledger.close()
    show(report, console)
    _before_and_after(machine, seen, folder, console)
    archived = _archived(machine)
    console.print(f"archive: {archived} files under {config.store_url()}/archive")
    return report.ok and len(seen) == len(files)


def _follow(machine: Machine, follower: Follower, files: list[Upload], console: Console, begun: float) -> list[Seen]:
    """Publish, and collect outcomes until each has come."""
    config = machine.config
    topology = config.topics.topology()
    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn())
    seen: list[Seen] = []
    with Progress(*columns, console=console) as progress:
        published = progress.add_task("published", total=len(files))
        decided = progress.add_task("decided", total=len(files))
        largest = topology.spec(Topic.INGRESS).max_message_bytes
        ingress = topology.name(Topic.INGRESS)
        publish(clients.settings(config), ingress, files, lambda: progress.advance(published), largest)
        deadline = time.monotonic() + _PATIENCE_S
        while len(seen) < len(files):
            machine.supervisor.tend()
            for outcome in follower.poll():
                if not seen:
                    progress.console.print(f"first decision {time.monotonic() - begun:.1f} s after the start")
                seen.append(outcome)
                progress.advance(decided)
            if time.monotonic() > deadline:
                raise Stop(
                    f"{len(files) - len(seen)} texts have no outcome yet", remedy=f"see {machine.config.folder}/logs"
                )
    return seen


def _outcomes(files: list[Upload], seen: list[Seen], console: Console) -> None:
    """Show outcomes by reason, and what became of each special case."""
    table = Table(title="Outcomes")
    for name, justify in (("outcome", "left"), ("reasons", "left"), ("texts", "right"), ("among them", "left")):
        table.add_column(name, justify="right" if justify == "right" else "left")
    special = {u.id for u in files if not u.id.startswith("text-")}
    groups = Counter((s.topic, ", ".join(s.reasons)) for s in seen)
    for (topic, reasons), count in sorted(groups.items(), key=lambda item: (list(ENDS).index(item[0][0]), -item[1])):
        ids = [s.envelope.origin.id for s in seen if (s.topic, ", ".join(s.reasons)) == (topic, reasons)]
        named = ", ".join(sorted(i for i in ids if i in special) or [i or "(no attributes read)" for i in ids[:2]])
        table.add_row(f"[{_COLOURS[topic]}]{topic}[/]", reasons, str(count), named)
    console.print(table)


def _before_and_after(machine: Machine, seen: list[Seen], folder: Path, console: Console) -> None:
    """Show one text as it came and as it left, and what verify reads from it."""
    approved = (s for s in seen if s.topic is Topic.APPROVED and s.envelope.content_type == "text/plain")
    marked = next((s for s in approved if ESSAY in _plain(s.value)), None)
    if marked is None or marked.value is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "before.txt").write_text(ESSAY, "utf-8")
    (folder / "after.txt").write_bytes(marked.value)
    key = wiring.watermark_key(machine.config, machine.environment)
    report = verify("after.txt", marked.value, "text/plain", key, 1)
    after = marked.value.decode()
    console.print(Panel(ESSAY, title=f"before: {len(ESSAY)} characters"))
    console.print(
        Panel(
            after, title=f"after: {len(after)} characters, {len(after) - len(_plain(marked.value))} of them invisible"
        )
    )
    console.print(
        f"clearmark verify {folder}/after.txt: [green]{report.verdict}[/], content id {report.content_id}, "
        f"label {report.marks.label.state}, code {report.marks.watermark.state} "
        f"(false alarm {report.marks.watermark.false_alarm:.0e})"
    )


def _plain(value: bytes | None) -> str:
    return "".join(c for c in (value or b"").decode() if not "\u2061" <= c <= "\u2064")


def _archived(machine: Machine) -> int:
    """Wait until the archive has written what the audit holds of this run; return its number of files."""
    store = wiring.open_store(machine.config)
    deadline = time.monotonic() + 2 * machine.config.archive.max_age_s + 10
    count = -1
    while time.monotonic() < deadline:
        found = len(list(store.list("archive")))
        if found == count > 0:
            break
        count = found
        time.sleep(machine.config.archive.max_age_s + 0.5)
    return count

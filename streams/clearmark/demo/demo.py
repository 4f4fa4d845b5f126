"""The demo: publish real texts and photographs, follow each to its outcome, show the ledger and what became of some."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from clearmark import wiring
from clearmark.cli.ledger import show
from clearmark.demo.pictures import mangle
from clearmark.demo.sheet import contact_sheet
from clearmark.demo.story import Story
from clearmark.demo.texts import ESSAY
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
_MANGLED: Final = "photo-astronaut"
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
    story = Story(config, machine.environment, lambda line: console.print(f"[dim]{line}[/]"))
    story.prepare()
    follower = Follower(clients.reader(config), topology, list(ENDS), beginning=False)
    files = story.first()
    seen = _follow(machine, follower, files, console, begun)
    story.change()
    later = story.second()
    seen += _follow(machine, follower, later, console, None)
    files += later
    follower.close()
    _outcomes(files, seen, console)
    ledger = Ledger(clients.reader(config), clients.admin(config), topology, State())
    ledger.update()
    report = ledger.report(config.ledger.age_s)
    ledger.close()
    show(report, console)
    _before_and_after(machine, seen, folder, console)
    _sheet(machine, seen, folder, console)
    archived = _archived(machine)
    console.print(f"archive: {archived} files under {config.store_url()}/archive")
    return report.ok and len(seen) == len(files)


def _follow(
    machine: Machine, follower: Follower, files: list[Upload], console: Console, begun: float | None
) -> list[Seen]:
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
                if begun is not None and not seen:
                    progress.console.print(f"first decision {time.monotonic() - begun:.1f} s after the start")
                seen.append(outcome)
                progress.advance(decided)
            if time.monotonic() > deadline:
                missing = len(files) - len(seen)
                raise Stop(f"{missing} artifacts have no outcome yet", remedy=f"see {machine.config.folder}/logs")
    return seen


def _outcomes(files: list[Upload], seen: list[Seen], console: Console) -> None:
    """Show outcomes by reason, and what became of each special case."""
    table = Table(title="Outcomes")
    for name, justify in (("outcome", "left"), ("reasons", "left"), ("artifacts", "right"), ("among them", "left")):
        table.add_column(name, justify="right" if justify == "right" else "left")
    special = {u.id for u in files if not u.id.startswith(("text-", "photo-"))}
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
    with wiring.marker(machine.config, wiring.watermark_key(machine.config, machine.environment)) as marker:
        report = verify("after.txt", marked.value, "text/plain", marker)
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


def _sheet(machine: Machine, seen: list[Seen], folder: Path, console: Console) -> None:
    """Write the marked pictures and a contact sheet of them, and show what verify reads from one that was mangled."""
    pictures = [
        (s.envelope.origin.id, s.value, s.envelope.content_type)
        for s in seen
        if s.topic is Topic.APPROVED and s.value and s.envelope.content_type.startswith("image/")
    ]
    marked = folder / "marked"
    marked.mkdir(parents=True, exist_ok=True)
    for name, data, kind in pictures:
        (marked / f"{name}.{kind.rpartition('/')[2]}").write_bytes(data)
    with wiring.marker(machine.config, wiring.watermark_key(machine.config, machine.environment)) as marker:
        count = contact_sheet(pictures, marker.extractor, folder / "contact-sheet.png")
        console.print(f"{count} marked pictures: {folder}/contact-sheet.png, each in {marked}")
        found = next((p for p in pictures if p[0] == _MANGLED), None)
        if found is None:
            return
        (folder / "in-the-wild.jpg").write_bytes(mangle(found[1]))
        report = verify("in-the-wild.jpg", mangle(found[1]), "image/jpeg", marker)
    marks = report.marks
    console.print(
        f"the same {found[0]}, cropped, scaled and recompressed, its metadata gone: clearmark verify "
        f"{folder}/in-the-wild.jpg: [green]{report.verdict}[/], content id {report.content_id}, "
        f"metadata {marks.metadata.state}, watermark {marks.watermark.state}"
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

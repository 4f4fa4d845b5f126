"""``clearmark``: one module a command, loaded when it is called, so that ``--help`` is quick."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final, cast

import click

from clearmark.config import ConfigError
from clearmark.errors import ClearmarkError

COMMANDS: Final = {
    "up": "run everything on this machine; --demo shows it",
    "init": "write a configuration file and fresh keys",
    "worker": "run one stage: screen, mark, archive or govern",
    "topics": "create or show the topics",
    "publish": "put artifacts on ingress",
    "watch": "follow decisions live",
    "ledger": "prove that every ingress record has exactly one outcome",
    "identities": "record whose real identity was verified",
    "consents": "record what persons agreed to about face, voice and likeness",
    "standing": "show how a user stands after violations, or lift it",
    "features": "keep the words and pictures to look for",
    "review": "look at held artifacts, release or reject them",
    "scan": "judge files by the policy, offline",
    "mark": "label and watermark a file, offline",
    "verify": "read every mark of a file, offline",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        return cast("click.Command", import_module(f"clearmark.cli.{cmd_name}").command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Commands)
@click.version_option(package_name="clearmark")
def cli() -> None:
    """Moderate, label and watermark AI-generated content on Kafka, and prove afterwards what was done."""


def main() -> None:
    """Run the command line; an error on purpose ends with one line and exit code 2 (usage) or 1."""
    try:
        cli(standalone_mode=True)
    except ClearmarkError as error:
        click.echo(f"clearmark: {error.diagnostics()}", err=True)
        sys.exit(2 if isinstance(error, ConfigError) else 1)

"""``python -m clearmark.cli``: the command line of this very interpreter, for the supervisor."""

from clearmark.cli import main

main()

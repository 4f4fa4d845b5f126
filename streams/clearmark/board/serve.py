"""The live board's web server, on loopback: ``/``, ``/data.json``, ``/image/DECISION_ID``."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clearmark.board.board import Board
from clearmark.errors import Stop
from clearmark.observe.http import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from clearmark.board.board import Source
    from clearmark.board.workers import Worker
    from clearmark.schemas.events import LedgerReport

_PAGE: Final = Path(__file__).with_name("page.html")
_IMAGE: Final = re.compile(r"/image/([0-9a-f]{32})")
_MEASURE_S: Final = 2.0
_ACCOUNT_S: Final = 5.0
_NOTHING: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@contextmanager
def serve(
    port: int,
    workers: Callable[[], Sequence[Worker]],
    source: Source,
    ledger: Callable[[], LedgerReport],
) -> Iterator[str]:
    """Serve the board while the block runs; yield its address.

    Args:
        port: where to listen on 127.0.0.1; 0 for a free one.
        workers: tells the supervised workers, their states and metrics ports.
        source: outcomes as they come; used by the board alone until the block ends.
        ledger: makes an account; used by the board alone until the block ends.

    Raises:
        Stop: the port is taken.
    """
    board = Board(workers, source, ledger)
    try:
        server = ThreadingHTTPServer((LOOPBACK, port), handler(board))
    except OSError as error:
        raise Stop(f"port {port} cannot be served ({error.strerror})", remedy="choose another port") from None
    stop = threading.Event()
    threads = [
        threading.Thread(target=server.serve_forever, daemon=True, name="board-http"),
        threading.Thread(target=_gather, args=(board, stop), daemon=True, name="board-gather"),
        threading.Thread(target=_account, args=(board, stop), daemon=True, name="board-ledger"),
    ]
    for thread in threads:
        thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}/"
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        for thread in threads:
            thread.join()


def _gather(board: Board, stop: threading.Event) -> None:
    while not stop.is_set():
        board.measure()
        until = time.monotonic() + _MEASURE_S
        while not stop.is_set() and time.monotonic() < until:
            if not board.follow(0.2):
                stop.wait(1)


def _account(board: Board, stop: threading.Event) -> None:
    while not stop.is_set():
        board.account()
        stop.wait(_ACCOUNT_S)


def policy(page: str) -> str:
    """Return the page's Content-Security-Policy: its own style and script by their hashes, nothing else."""

    def source(tag: str) -> str:
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    return (
        f"{_NOTHING}; style-src {source('style')}; script-src {source('script')}; img-src 'self'; connect-src 'self'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def handler(board: Board) -> type[BaseHTTPRequestHandler]:
    """Return the class that answers requests."""
    page = _PAGE.read_text("utf-8")
    page_policy = policy(page)

    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "clearmark", ""
        timeout = 10

        def do_GET(self) -> None:
            # A page elsewhere may point its own name at this address: only our own names are answered.
            host = (self.headers.get("Host") or "").rpartition(":")[0]
            if host not in (LOOPBACK, "localhost"):
                self._answer(403, b"this board is for this machine alone\n", "text/plain", _NOTHING)
            elif self.path == "/":
                self._answer(200, page.encode(), "text/html; charset=utf-8", page_policy)
            elif self.path == "/data.json":
                self._answer(200, board.data(), "application/json", _NOTHING)
            elif (asked := _IMAGE.fullmatch(self.path)) and (found := board.pictures.get(asked.group(1))):
                self._answer(200, found[1], found[0], f"{_NOTHING}; sandbox")
            else:
                self._answer(404, b"/ /data.json\n", "text/plain", _NOTHING)

        def _answer(self, status: int, body: bytes, kind: str, csp: str) -> None:
            self.send_response(status)
            for name, value in {**_HEADERS, "Content-Security-Policy": csp, "Content-Type": kind}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):  # who asked has gone
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Keep requests out of what `up` prints."""

    return Handler

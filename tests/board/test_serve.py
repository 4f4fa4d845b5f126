from __future__ import annotations

import http.client
import socket
import time
from typing import TYPE_CHECKING

import pytest

from clearmark.board.serve import policy, serve
from clearmark.errors import Stop
from clearmark.topology import Topic
from tests.board.world import Source, decision, report, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN = seen(1, Topic.APPROVED, b"\x89PNG bytes", kind="image/png")
BLOCKED = seen(2, Topic.BLOCKED, kind="image/png")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serve(0, tuple, Source([SHOWN, BLOCKED]), report) as url:
        number = int(url.removesuffix("/").rpartition(":")[2])
        deadline = time.monotonic() + 20
        while get(number, f"/image/{decision(1)}")[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield number


def get(port: int, path: str, host: str | None = None) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": host} if host is not None else {})
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


def test_every_answer_carries_its_policy(port: int) -> None:
    for path, status in (
        ("/", 200),
        ("/data.json", 200),
        (f"/image/{decision(1)}", 200),
        ("/x", 404),
        ("/../etc", 404),
    ):
        found, headers, _ = get(port, path)
        assert found == status
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert "Python" not in headers["Server"]


def test_the_page_runs_its_own_script_alone(port: int) -> None:
    _, headers, page = get(port, "/")
    csp = headers["Content-Security-Policy"]
    assert "unsafe" not in csp
    assert csp.count("'sha256-") == 2
    assert "trusted-types 'none'" in csp
    assert b"http://" not in page.replace(b"http://www.w3.org/2000/svg", b"")
    assert b"https://" not in page
    assert b"innerHTML" not in page
    assert policy("<style>a</style><script>b</script>") != policy("<style>a</style><script>c</script>")


def test_approved_pictures_are_served_and_no_others(port: int) -> None:
    status, headers, body = get(port, f"/image/{decision(1)}")
    assert (status, headers["Content-Type"], body) == (200, "image/png", SHOWN.value)
    assert "sandbox" in headers["Content-Security-Policy"]
    for path in (
        f"/image/{decision(2)}",
        f"/image/{decision(3)}",
        "/image/..%2f..%2fkeys",
        "/image/",
        f"/image/{'A' * 32}",
    ):
        assert get(port, path)[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example:1", "", "[::1]:80"])
def test_a_name_that_somebody_pointed_here_is_refused(port: int, host: str) -> None:
    status, _, body = get(port, "/data.json", host)
    assert status == 403
    assert b"items" not in body
    assert get(port, "/data.json", f"localhost:{port}")[0] == 200


def test_other_methods_are_refused(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/data.json", b"{}")
    assert connection.getresponse().status == 501
    connection.close()


def test_a_taken_port_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        with pytest.raises(Stop, match=f"port {number}"), serve(number, tuple, Source(), report):
            pass

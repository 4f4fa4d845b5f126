"""The page in Chromium: what it shows, and what it must never show or run."""

from __future__ import annotations

import html
import io
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from clearmark.board.serve import serve
from clearmark.errors import Retry
from clearmark.schemas.events import Reason
from clearmark.topology import Topic
from tests.board.world import HOSTILE, SECRET, Source, decision, machine, marked, report, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.board.conftest import Browser

pytestmark = pytest.mark.timeout(240)
WORD = Reason("A.1.h", "其他法律、行政法规禁止的内容", "other content that law prohibits")
EVIL = Reason("<b id=owned>", "<svg onload=document.title='owned'>", HOSTILE)


def picture(red: int, green: int, blue: int) -> bytes:
    made = io.BytesIO()
    Image.fromarray(np.full((90, 90, 3), (red, green, blue), dtype=np.uint8)).save(made, "PNG")
    return made.getvalue()


OUTCOMES = [
    seen(1, Topic.APPROVED, marked("清晨的图书馆还没有开门。")),
    seen(2, Topic.BLOCKED, reasons=[WORD]),
    seen(3, Topic.BLOCKED, kind="image/png", reasons=[EVIL], user=HOSTILE),
    seen(4, Topic.REVIEW, reasons=[Reason("A.4.a", "危害他人身心健康", "harm to health")]),
    seen(5, Topic.DEAD_LETTER),
    seen(6, Topic.APPROVED, picture(0, 90, 255), kind="image/png"),
    seen(7, Topic.APPROVED, marked(HOSTILE), user="</script>"),
]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with machine("screen", "mark", "ledger") as running:
        running.work("screen", "allow", 3)
        with serve(0, lambda: running.workers, Source(OUTCOMES), report) as address:
            yield address


@pytest.fixture(scope="module")
def dom(url: str, browser: Browser) -> str:
    return browser.dom(url)


def text_of(dom: str, element: str) -> str:
    (inside,) = re.findall(rf'<\w+[^>]* id="{element}"[^>]*>(.*?)</section>', dom, re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", "", inside))


def card(dom: str, number: int) -> str:
    (found,) = re.findall(rf'<li class="[^"]*" data-id="{decision(number)}">.*?</li>', dom, re.DOTALL)
    return str(found)


def test_counts_and_state_are_shown(dom: str) -> None:
    assert text_of(dom, "total-received") == "1,234收到 received"
    assert text_of(dom, "total-blocked") == "200拦截 blocked"
    assert "账本已平" in text_of(dom, "ledger")
    assert 'class="chip good" id="live"' in dom
    assert 'id="stage-screen"' in dom
    assert 'id="stage-mark"' in dom
    assert 'id="stage-ledger"' in dom


def test_hostile_strings_stay_text(dom: str) -> None:
    assert "<title>Clearmark · 实时看板</title>" in dom
    assert dom.count("<script") == 1
    for element in ("<b id=", 'id="owned"', "<img src=x", "<svg onload"):
        assert element not in dom
    evil = card(dom, 3)
    for shown in ("<b id=owned>", "<svg onload=document.title='owned'>", HOSTILE.replace("\u202e", "")[:63]):
        assert shown in html.unescape(evil)
    assert "\u202e" not in dom
    assert "&lt;script&gt;" in card(dom, 7)


def test_approved_content_is_shown_and_nothing_else(dom: str) -> None:
    assert '<p class="said">清晨的图书馆还没有开门。</p>' in card(dom, 1)
    assert f'<img src="/image/{decision(6)}"' in card(dom, 6)
    for number in (2, 3, 4, 5):
        assert "<img" not in card(dom, number)
        assert 'class="said"' not in card(dom, number)
        assert 'class="thumb blurred"' in card(dom, number)
    assert SECRET not in dom
    assert "其他法律、行政法规禁止的内容" in card(dom, 2)
    assert "other content that law prohibits" in card(dom, 2)


@pytest.mark.parametrize("width", [1280, 400])
def test_it_fits_the_window_and_shows_pictures(width: int, url: str, browser: Browser) -> None:
    with Image.open(browser.screenshot(url, f"board-{width}", width, 3000)) as opened:
        assert opened.width == width
        pixels = np.asarray(opened.convert("RGB")).astype(int)
    # The approved picture's own colour is on the page, as large as a thumbnail.
    blue = (abs(pixels - (0, 90, 255)).sum(axis=2) < 12).sum()
    assert 3000 < blue < 12000
    # Nothing is cut off: the right edge is background alone.
    assert (pixels[:, -4:] == pixels[0, 0]).all()


def test_an_unknown_ledger_and_a_silent_cluster_are_told(browser: Browser) -> None:
    def unknown() -> None:
        raise Retry("ledger: _TIMED_OUT")

    source = Source()
    source.error = Retry("watch: _TRANSPORT")
    with machine() as running, serve(0, lambda: running.workers, source, unknown) as address:  # type: ignore[arg-type]
        dom = browser.dom(address)
    assert "Kafka 无响应" in dom
    assert "watch: _TRANSPORT" in dom
    assert "ledger: _TIMED_OUT" in text_of(dom, "ledger")
    assert "还没有内容" in dom

"""The seven keys: written as the standard says, read as they come."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearmark.ids import ContentId
from clearmark.mark.metadata import aigc, xmp

CID = ContentId(0x0123456789ABCDEF)
CODE = "CLEARMARK-DEMO"
GOLDEN = (
    '{"Label":"1","ContentProducer":"CLEARMARK-DEMO","ProduceID":"0123456789abcdef","ReservedCode1":"",'
    '"ContentPropagator":"CLEARMARK-DEMO","PropagateID":"0123456789abcdef","ReservedCode2":""}'
)


def other(**changes: object) -> str:
    values: dict[str, object] = {
        "Label": "2",
        "ContentProducer": "OTHER-CO",
        "ProduceID": "p-1",
        "ReservedCode1": "r1",
        "ContentPropagator": "PLATFORM",
        "PropagateID": "q-1",
        "ReservedCode2": "r2",
    }
    return json.dumps(values | changes, ensure_ascii=False)


def test_r_meta_1_to_7_a_producers_label() -> None:
    assert aigc.first(CODE, CID).to_json() == GOLDEN


def test_what_is_written_reads_back_without_a_fault() -> None:
    found = aigc.parse(GOLDEN)
    assert (found.faults, found.values, found.meaning) == ((), aigc.first(CODE, CID).values(), "confirmed")
    assert tuple(found.values) == aigc.KEYS


def test_r_meta_6_a_propagator_writes_the_last_three_and_keeps_the_rest() -> None:
    done = aigc.propagated(aigc.parse(other()), CODE, CID).values()
    assert list(done.values()) == ["2", "OTHER-CO", "p-1", "r1", CODE, str(CID), ""]


@pytest.mark.parametrize("text", [GOLDEN.replace("0123", "9999"), other(ContentProducer=None), "{}", "nothing"])
def test_a_label_of_ours_or_of_nobody_is_replaced_as_a_whole(text: str) -> None:
    assert aigc.propagated(aigc.parse(text), CODE, CID) == aigc.first(CODE, CID)


@pytest.mark.parametrize(("label", "kept"), [("1", "1"), ("3", "3"), ("AIGC", "1"), ("12", "1"), (2, "2"), (None, "1")])
def test_r_meta_2_a_propagated_label_is_one_of_three(label: object, kept: str) -> None:
    assert aigc.propagated(aigc.parse(other(Label=label)), CODE, CID).label == kept


@pytest.mark.parametrize("code", ["", "two words", "back\\slash", "名称", "line\n"])
def test_r_meta_4_a_code_outside_the_charset_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="R-META-4"):
        aigc.first(code, CID)


@given(st.sampled_from('&<"\\\x01\u00e9公'), st.integers(0, 60_000))
def test_whatever_another_producer_wrote_the_label_fits_into_a_jpeg(character: str, times: int) -> None:
    text = other(
        ContentProducer="A" + character * (times % 600), ProduceID=character * times, ReservedCode1=character * times
    )
    label = aigc.propagated(aigc.parse(text), CODE, CID).to_json()
    packet = xmp.write(None, label, "JPEG").packet
    assert len(packet) <= xmp.JPEG_LIMIT
    assert xmp.read(packet) == (label,)


# R-WILD-1 and R-WILD-2: forms and values seen in files of real producers.
@pytest.mark.parametrize(
    ("text", "values", "fault"),
    [
        ('{"AIGC":{"Label":"1","ContentProducer":"a"}}', {"Label": "1", "ContentProducer": "a"}, "is missing"),
        ('AIGC{"Label":"1","ProduceID":"a"}', {"Label": "1", "ProduceID": "a"}, "text before"),
        ('{"ProduceID": "x", "Label": "1"}', {"Label": "1", "ProduceID": "x"}, "is missing"),
        ('{"Label":"1","ReservedCode1":null}', {"Label": "1", "ReservedCode1": ""}, "R-META-2"),
        ('{"Label":1,"ProduceID":"x"}', {"Label": "1", "ProduceID": "x"}, "R-META-2"),
        (
            '{"Label":"1","ReservedCode1":{"SecurityData":{"Version":1}}}',
            {"Label": "1", "ReservedCode1": '{"SecurityData":{"Version":1}}'},
            "ReservedCode1 is not a string",
        ),
        ('{"Label":"AIGC","ProduceID":"x"}', {"Label": "AIGC", "ProduceID": "x"}, "not 1, 2 or 3"),
        ('{"Label":"1","ProduceID":"编号"}', {"Label": "1", "ProduceID": "编号"}, "R-META-4"),
        ('{"Label":"1","ProduceID":"0000-0000"}', {"Label": "1", "ProduceID": "0000-0000"}, "zeros"),
        ('{"Label":"1","contentProducer:":"a"}', {"Label": "1", "ContentProducer": "a"}, "differently"),
        ('{"Label":"1","ContentProducer":"a","Prod', {"Label": "1", "ContentProducer": "a"}, "not JSON"),
        ('{"Label":"1","ContentProducer":"a"} trailing', {"Label": "1", "ContentProducer": "a"}, "text after"),
        (
            "{&quot;Label&quot;:&quot;3&quot;,&quot;ProduceID&quot;:&quot;a&quot;}",
            {"Label": "3", "ProduceID": "a"},
            "twice",
        ),
        ('{"AIGC":"{\\"Label\\":\\"1\\",\\"ProduceID\\":\\"x\\"}"}', {"Label": "1", "ProduceID": "x"}, "within JSON"),
        ('\ufeff {"Label":"1","ProduceID":"a"}\0', {"Label": "1", "ProduceID": "a"}, "is missing"),
    ],
)
def test_r_meta_10_a_badly_written_label_is_still_one(text: str, values: dict[str, str], fault: str) -> None:
    found = aigc.parse(text)
    assert found.values == values
    assert any(fault in named for named in found.faults)
    assert aigc.is_label(text)


@pytest.mark.parametrize(
    "text",
    [
        "An essay on AIGC {and brackets}",
        '{"aigc_info":{"source":"x"}}',
        '{"ServiceProvider":"cloud","ContentId":"5"}',
        '{"Label":"cat","score":0.5}',
        "AIGC",
        "",
    ],
)
def test_r_wild_3_what_is_no_label(text: str) -> None:
    assert not aigc.is_label(text)
    assert len(aigc.parse(text).values) <= 1


@pytest.mark.parametrize(
    ("label", "meaning"),
    [("1", "confirmed"), ("2", "possible"), ("3", "suspected"), ("AIGC", "confirmed"), ("0", "possible")],
)
def test_r_lm_6_what_a_label_means(label: str, meaning: str) -> None:
    assert aigc.parse(other(Label=label)).meaning == meaning


NESTED = '{"Label":"1","ReservedCode1":' + "[" * 900 + "]" * 900 + ',"ProduceID":' + "9" * 400 + "}"


@given(st.one_of(st.text(), st.text(st.sampled_from('{}[]":,\\AIGCLabel10 &quot;'), max_size=80)))
@pytest.mark.parametrize(
    "hostile", [NESTED, "{" * 70_000, '{"AIGC":' * 9_000, '"Label":"' * 9_000, "AIGC{" + '"Label":' * 8_000]
)
def test_nothing_that_is_read_raises_and_all_of_it_can_be_written(hostile: str, text: str) -> None:
    for written in (hostile, text):
        found = aigc.parse(written)
        assert set(orjson.loads(aigc.propagated(found, CODE, CID).to_json())) == set(aigc.KEYS)

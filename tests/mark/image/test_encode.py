"""The file again: the same format, near its own quality, with what belongs to it."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile, get_sampling
from PIL.PngImagePlugin import PngInfo

from clearmark.extract.picture import Picture
from clearmark.ids import ContentId
from clearmark.mark.image import encode as encoding
from clearmark.mark.image import label
from clearmark.mark.image.encode import encode
from clearmark.mark.metadata import aigc, exif, xmp
from clearmark.mark.metadata.picture import labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

LABEL = aigc.first("CLEARMARK-DEMO", ContentId(7)).to_json()
PACKET = xmp.write(None, LABEL, "JPEG").packet
PHOTOGRAPH = np.asarray(Image.fromarray(skimage.data.astronaut()).resize((256, 256)))
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
OLD = '{"Label":"1","ContentProducer":"OTHER","ProduceID":"5"}'


def saved(kind: str, image: Image.Image | None = None, **settings: Any) -> bytes:
    stream = io.BytesIO()
    (image or Image.fromarray(PHOTOGRAPH)).save(stream, kind, **settings)
    return stream.getvalue()


def opened(data: bytes) -> tuple[Picture, Image.Image]:
    image = Image.open(io.BytesIO(data))
    image.load()
    mode = "RGBA" if "A" in image.mode or "transparency" in image.info else "RGB"
    jpeg = image if isinstance(image, JpegImageFile) else None
    picture = Picture(
        np.asarray(image.convert(mode)),
        image.format,  # type: ignore[arg-type] # one of those that the tests write
        *image.size,
        grey=image.mode in {"L", "LA"},
        icc=image.info.get("icc_profile"),
        exif=image.info.get("exif"),
        xmp=image.info.get("xmp"),
        texts=tuple((k, v) for k, v in getattr(image, "text", {}).items() if k != "XML:com.adobe.xmp"),
        quantization={i: tuple(t) for i, t in jpeg.quantization.items()} if jpeg else None,
        subsampling=get_sampling(jpeg) if jpeg else -1,
    )
    return picture, image


def again(data: bytes, pixels: NDArray[np.uint8] | None = None, **changes: Any) -> tuple[bytes, Picture, Image.Image]:
    picture = replace(opened(data)[0], **changes)
    kept = exif.without_location(picture.exif) if picture.exif else None
    written = encode(picture.pixels if pixels is None else pixels, picture, PACKET, kept)
    return written, *opened(written)


def distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_format_profile_and_one_label_are_there_and_bytes_are_the_same_each_time(kind: str) -> None:
    data = saved(kind, icc_profile=ICC)
    first, picture, _ = again(data)
    assert (picture.format, picture.icc, labels(picture)) == (kind, ICC, (LABEL,))
    assert (picture.width, picture.height) == (256, 256)
    assert again(data)[0] == first


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_location_goes_and_other_exif_stays(kind: str) -> None:
    block = Image.Exif()
    block.update({0x0131: "generator", 0x0112: 6, 0x8825: {1: "N", 2: (1.0, 2.0, 3.0)}})
    _, picture, image = again(saved(kind, exif=block.tobytes()))
    found = image.getexif()
    assert (found[0x0131], found[0x0112]) == ("generator", 1)
    assert 0x8825 not in found
    assert picture.exif is not None


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_a_png_is_lossless_in_its_own_mode(mode: str) -> None:
    image = Image.fromarray(PHOTOGRAPH).convert(mode)
    data = saved("PNG", image)
    _, picture, written = again(data)
    assert written.mode == mode
    assert np.array_equal(picture.pixels, opened(data)[0].pixels)


def test_a_grey_picture_whose_marks_have_colour_is_written_in_colour() -> None:
    data = saved("PNG", Image.fromarray(PHOTOGRAPH).convert("L"))
    pixels = opened(data)[0].pixels.copy()
    pixels[0, 0] = (1, 2, 3)
    assert again(data, pixels)[2].mode == "RGB"


@pytest.mark.parametrize("quality", [60, 75, 90, 97])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_a_jpeg_keeps_its_own_tables_and_subsampling(quality: int, subsampling: int) -> None:
    data = saved("JPEG", quality=quality, subsampling=subsampling)
    before, (written, after, _) = opened(data)[0], again(data)
    assert (after.quantization, after.subsampling) == (before.quantization, before.subsampling)
    assert abs(len(written) - len(PACKET) - len(data)) < 0.1 * len(data)
    assert distance(before.pixels, after.pixels) < 1.5


@pytest.mark.parametrize(("quality", "coarser"), [(30, False), (70, True)])
def test_a_jpeg_too_coarse_for_marks_gets_finer_tables(quality: int, coarser: bool) -> None:
    after = again(saved("JPEG", quality=quality))[1]
    at_50 = opened(saved("JPEG", quality=50))[0].quantization
    assert after.quantization is not None
    assert at_50 is not None
    assert (after.quantization == at_50) is not coarser
    assert sum(after.quantization[0]) <= sum(at_50[0])


@pytest.mark.parametrize(
    "changes",
    [
        {"quantization": None, "subsampling": -1},
        {"quantization": {}},
        {"quantization": {0: (3,) * 64}},
        {"quantization": {1: (3,) * 64, 3: (5,) * 64}},
        {"quantization": dict.fromkeys(range(4), (3,) * 64)},
        {"quantization": {0: (0,) * 64, 1: (65_535,) * 64}},
    ],
)
def test_odd_tables_do_no_harm(changes: dict[str, Any]) -> None:
    data = saved("JPEG", quality=85)
    after = again(data, **changes)[1]
    assert distance(opened(data)[0].pixels, after.pixels) < 12


def test_a_grey_jpeg_stays_grey() -> None:
    _, _, written = again(saved("JPEG", Image.fromarray(PHOTOGRAPH).convert("L")))
    assert written.mode == "L"


def test_webp_lossless_stays_lossless_and_lossy_stays_near() -> None:
    data = saved("WEBP", Image.fromarray(PHOTOGRAPH).convert("RGBA"), lossless=True)
    before = opened(data)[0]
    pixels = np.dstack([before.pixels, np.full((256, 256), 255, np.uint8)])
    pixels[:40, :40, 3] = 0  # what is transparent keeps its colour: a watermark may be there
    assert np.array_equal(again(data, pixels, lossless=True)[1].pixels, pixels)
    lossy, picture, _ = again(data, lossless=False)
    assert len(lossy) < len(data) / 2
    assert distance(picture.pixels, before.pixels) < 4


def test_r_meta_5_png_texts_stay_but_for_labels_and_copies_of_exif() -> None:
    info = PngInfo()
    kept = {"Title": "A boat", "Software": "generator", "Beschreibung": "雪", "Comment": "AIGC is a word {here}"}
    for keyword, text in kept.items():
        info.add_text(keyword, text)
    info.add_text("AIGC", f'{{"AIGC":{OLD}}}', zip=True)
    info.add_itxt("Note", OLD)
    info.add_text("Raw profile type exif", "00ff")
    data = saved("PNG", pnginfo=info)
    assert len(labels(opened(data)[0])) == 2
    written, picture, _ = again(data)
    assert dict(picture.texts) == kept
    assert labels(picture) == (LABEL,)
    assert b"OTHER" not in written


def test_r_f_png_and_jpg_where_the_packet_stands() -> None:
    png, jpeg = again(saved("PNG"))[0], again(saved("JPEG"))[0]
    assert b"iTXtXML:com.adobe.xmp\0\0\0\0\0" + PACKET in png  # uncompressed
    assert b"\xff\xe1" + (len(PACKET) + 31).to_bytes(2, "big") + b"http://ns.adobe.com/xap/1.0/\0" + PACKET in jpeg


@pytest.mark.parametrize(("kind", "frames"), [("GIF", 1), ("PNG", 2), ("WEBP", 9)])
def test_what_cannot_be_written_again_is_refused(kind: str, frames: int) -> None:
    picture = Picture(PHOTOGRAPH, kind, 256, 256, frames=frames)  # type: ignore[arg-type] # a parameter
    with pytest.raises(ValueError, match="frames"):
        encode(PHOTOGRAPH, picture, PACKET, None)
    assert "GIF" not in encoding.FORMATS


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("PNG", {}), ("JPEG", {"quality": 95}), ("JPEG", {"quality": 20}), ("WEBP", {"quality": 50})],
)
@pytest.mark.parametrize("size", [64, 256, 640])
def test_label_and_metadata_are_read_back_from_the_produced_bytes(
    kind: str, settings: dict[str, Any], size: int
) -> None:
    image = Image.fromarray(PHOTOGRAPH).resize((size, size * 3 // 4))
    before = opened(saved(kind, image, **settings))[0]
    marked = label.draw(before.pixels)
    assert marked is not None
    picture, _ = opened(encode(marked, before, PACKET, None))
    found = label.find(picture.pixels, thorough=False)
    assert found is not None
    assert found.reasons == ()
    assert labels(picture) == (LABEL,)

"""Picture files of every kind that generators write, each made anew from a photograph."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import skimage.data
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
FOREIGN = '{"Label":"1","ContentProducer":"OTHER-MODEL","ProduceID":"42","ReservedCode1":"r","ContentPropagator":"OTHER-MODEL","PropagateID":"42","ReservedCode2":""}'  # noqa: E501
NAMELESS = '{"Label":"1","ProduceID":"7"}'
XMP = (
    '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
    'xmlns:T="http://www.tc260.org.cn/ns/AIGC/1.0/" xmp:CreatorTool="Brush 7" exif:GPSLatitude="39,54.4N">'
    "<xmp:Label>keep me</xmp:Label>{label}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
)


@dataclass(frozen=True)
class Sample:
    """A file, its media type, and what Pillow shows of it upright, in RGB."""

    data: bytes
    content_type: str
    shown: Pixels


def photograph(width: int = 384, height: int = 288, name: str = "coffee") -> Image.Image:
    return Image.fromarray(getattr(skimage.data, name)()).convert("RGB").resize((width, height), Image.Resampling.BOX)


def saved(image: Image.Image, kind: str, **settings: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return stream.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def shown(data: bytes) -> Pixels:
    return np.asarray(opened(data).convert("RGB"))


def xmp(*labels: str) -> bytes:
    found = "".join(f"<T:AIGC>{label}</T:AIGC>" for label in labels)
    return XMP.format(label=found).encode()


def located(orientation: int = 1) -> bytes:
    block = Image.Exif()
    block.update({0x0131: "Brush 7", 0x0112: orientation, 0x8825: {1: "N", 2: (39.0, 54.0, 26.4)}})
    return block.tobytes()


def _translucent() -> Image.Image:
    image = photograph().convert("RGBA")
    alpha = np.full((288, 384), 255, np.uint8)
    alpha[:90, :120] = np.linspace(0, 255, 120).astype(np.uint8)
    image.putalpha(Image.fromarray(alpha))
    return image


def _palette() -> Image.Image:
    image = photograph().quantize(64)
    image.info["transparency"] = 5
    return image


def _deep_grey() -> Image.Image:
    grey = np.asarray(photograph().convert("L")).astype(np.uint16)
    return Image.fromarray(grey * 256 + (255 - grey))


def _texts() -> PngInfo:
    info = PngInfo()
    info.add_text("Title", "A cup")
    info.add_itxt("XML:com.adobe.xmp", xmp().decode())
    return info


def _two_labels() -> PngInfo:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp(NAMELESS).decode())
    info.add_text("AIGC", f'{{"AIGC":{FOREIGN}}}')
    return info


def _make() -> dict[str, Sample]:
    rgb, grey = photograph(), photograph().convert("L")
    files: dict[str, tuple[str, Image.Image, dict[str, Any]]] = {
        "png": ("PNG", rgb, {}),
        "png grey": ("PNG", grey, {}),
        "png grey and alpha": ("PNG", _translucent().convert("LA"), {}),
        "png palette": ("PNG", photograph().quantize(128), {}),
        "png palette with transparency": ("PNG", _palette(), {"transparency": 5}),
        "png alpha": ("PNG", _translucent(), {}),
        "png 16-bit grey": ("PNG", _deep_grey(), {}),
        "png profile": ("PNG", rgb, {"icc_profile": ICC}),
        "png texts and xmp": ("PNG", rgb, {"pnginfo": _texts()}),
        "png location": ("PNG", rgb, {"exif": located()}),
        "png two labels": ("PNG", rgb, {"pnginfo": _two_labels()}),
        "jpeg": ("JPEG", rgb, {"quality": 90}),
        "jpeg coarse": ("JPEG", rgb, {"quality": 60}),
        "jpeg fine": ("JPEG", rgb, {"quality": 97, "subsampling": 0}),
        "jpeg progressive": ("JPEG", rgb, {"quality": 85, "progressive": True}),
        "jpeg grey": ("JPEG", grey, {"quality": 90}),
        "jpeg cmyk": ("JPEG", rgb.convert("CMYK"), {"quality": 92}),
        "jpeg on its side": ("JPEG", rgb, {"quality": 90, "exif": located(6)}),
        "jpeg profile": ("JPEG", rgb, {"quality": 90, "icc_profile": ICC}),
        "jpeg xmp": ("JPEG", rgb, {"quality": 90, "xmp": xmp()}),
        "jpeg another's label": ("JPEG", rgb, {"quality": 90, "xmp": xmp(FOREIGN)}),
        "webp": ("WEBP", rgb, {"quality": 85}),
        "webp alpha": ("WEBP", _translucent(), {"quality": 85}),
        "webp lossless": ("WEBP", rgb, {"lossless": True}),
        "webp lossless alpha": ("WEBP", _translucent(), {"lossless": True, "exact": True}),
        "webp profile": ("WEBP", rgb, {"quality": 85, "icc_profile": ICC}),
        "webp location": ("WEBP", rgb, {"quality": 85, "exif": located(), "xmp": xmp()}),
    }
    made = {name: (saved(image, kind, **settings), kind) for name, (kind, image, settings) in files.items()}
    return {name: Sample(data, f"image/{kind.lower()}", _upright(name, data)) for name, (data, kind) in made.items()}


def _upright(name: str, data: bytes) -> Pixels:
    if name == "png 16-bit grey":
        return shown(saved(photograph().convert("L"), "PNG"))
    return np.rot90(shown(data), -1) if name == "jpeg on its side" else shown(data)


SAMPLES = _make()

"""What one picture may cost, at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExtractLimits:
    """Bounds of extraction. Beyond them an artifact is refused, or held where only time ran out.

    Attributes:
        pixels: of the picture's canvas.
        side: of the canvas, in pixels.
        file_bytes: of the encoded file.
        memory_bytes: address space of a child, its libraries (about 120 MB) included. 64 megapixels need up to 1.2 GiB.
        cpu_s: processor time for one item; the kernel counts whole seconds, so it may be one more.
        wall_s: time for one item from the request to the last byte of the answer.
        start_s: time in which a child has to report itself.
        frames: counted at most; a file with more is said to have this many.
        metadata_bytes: of metadata handed back, all blocks together.
    """

    pixels: int = 64_000_000
    side: int = 20_000
    file_bytes: int = 32 * 1024 * 1024
    memory_bytes: int = 1536 * 1024 * 1024
    cpu_s: int = 15
    wall_s: float = 30.0
    start_s: float = 30.0
    frames: int = 1000
    metadata_bytes: int = 4 * 1024 * 1024

    def forbid(self, width: int, height: int) -> bool:
        """Return whether a canvas of this size may not be decoded."""
        return max(width, height) > self.side or width * height > self.pixels

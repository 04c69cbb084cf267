"""Many small pictures with their names in one large one: a contact sheet, as JPEG."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from vtn_stream.video.lettering import runs_of

__all__ = ["LabelledPicture", "contact_sheet"]

COLUMNS = 6
SIDE = 200  # pixels, of a picture's longer side
MARGIN, LINE = 12, 17  # pixels: between pictures, of a line of text
FONT_SIZE, MAX_CHARACTERS = 13, 60  # more do not fit
GROUND, INK, FAINT, EMPTY = "#ffffff", "#1b1f24", "#555d67", "#d9dce1"
MAX_STORED_SIDE = 2_000  # pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPicture:
    """jpeg: None where there is no picture; colour: of the label, "#RRGGBB"; lines: below the picture."""

    jpeg: bytes | None
    colour: str
    lines: tuple[str, str]


def contact_sheet(pictures: Sequence[LabelledPicture]) -> bytes:
    """The pictures in rows, in this order."""
    small = [None if picture.jpeg is None else _read(picture.jpeg) for picture in pictures]
    height = max((picture.height for picture in small if picture is not None), default=SIDE * 9 // 16)
    columns = min(COLUMNS, len(pictures))
    cell = (SIDE + MARGIN, height + 2 * LINE + MARGIN + 4)
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * cell[0] + MARGIN, rows * cell[1] + MARGIN), GROUND)
    draw = ImageDraw.Draw(sheet)
    for i, (picture, shown) in enumerate(zip(pictures, small, strict=True)):
        left, top = MARGIN + i % columns * cell[0], MARGIN + i // columns * cell[1]
        if shown is None:
            draw.rectangle((left, top, left + SIDE - 1, top + height - 1), fill=EMPTY)
        else:
            sheet.paste(shown, (left + (SIDE - shown.width) // 2, top + (height - shown.height) // 2))
        below = top + height + 4
        draw.rectangle((left, below + 3, left + 9, below + 12), fill=picture.colour)
        _write(draw, picture.lines[0], left + 14, below, SIDE - 14, INK)
        _write(draw, picture.lines[1], left, below + LINE, SIDE, FAINT)
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=88)
    return file.getvalue()


def _write(draw: ImageDraw.ImageDraw, text: str, left: float, top: int, width: int, colour: str) -> None:
    """The text, or as much of its beginning as fits, and dots."""
    shown = text[:MAX_CHARACTERS]
    while sum(font.getlength(part) for font, part in runs_of(shown, FONT_SIZE)[0]) > width:
        shown = f"{shown.removesuffix('...')[:-1]}..."
    for font, part in runs_of(shown, FONT_SIZE)[0]:
        draw.text((left, top + FONT_SIZE), part, colour, font, anchor="ls")
        left += font.getlength(part)


def _read(jpeg: bytes) -> Image.Image | None:
    """The picture in a square of SIDE; None if it cannot be read. Untrusted: a store may be shared."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            picture = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
            if max(picture.size) > MAX_STORED_SIDE:
                return None
            scale = SIDE / max(picture.size)
            size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
            return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning):
        return None

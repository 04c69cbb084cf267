"""Many small pictures with their names in one large one: a contact sheet, as JPEG."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

__all__ = ["LabelledPicture", "contact_sheet"]

COLUMNS = 6
SIDE = 200  # pixels, of a picture's longer side
MARGIN, LINE = 12, 17  # pixels: between pictures, of a line of text
FONT_SIZE = 13
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
    font = ImageFont.load_default(FONT_SIZE)
    for i, (picture, shown) in enumerate(zip(pictures, small, strict=True)):
        left, top = MARGIN + i % columns * cell[0], MARGIN + i // columns * cell[1]
        if shown is None:
            draw.rectangle((left, top, left + SIDE - 1, top + height - 1), fill=EMPTY)
        else:
            sheet.paste(shown, (left + (SIDE - shown.width) // 2, top + (height - shown.height) // 2))
        below = top + height + 4
        draw.rectangle((left, below + 3, left + 9, below + 12), fill=picture.colour)
        draw.text((left + 14, below), _fitting(draw, picture.lines[0], font, SIDE - 14), INK, font)
        draw.text((left, below + LINE), _fitting(draw, picture.lines[1], font, SIDE), FAINT, font)
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=88)
    return file.getvalue()


def _fitting(
    draw: ImageDraw.ImageDraw, text: str, font: "ImageFont.FreeTypeFont | ImageFont.ImageFont", width: int
) -> str:
    """The text, or as much of its beginning as fits, and dots."""
    if draw.textlength(text, font) <= width:
        return text
    text = text[:200]
    while text and draw.textlength(f"{text}...", font) > width:
        text = text[:-1]
    return f"{text}..."


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

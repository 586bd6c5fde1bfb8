"""
Pictures that readers send along. Nothing of the file is kept but its pixels: decoded, made smaller and encoded anew.

What a file says of itself, its name and its type, is believed by nobody. One frame, no metadata, no colour profile.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Any, BinaryIO

from django.utils.translation import gettext as _

from comments.exceptions import Refused
from comments.models import IssueMessage, IssuePicture

MOST_BYTES = 5 * 1024 * 1024
MOST_PIXELS = 25_000_000
LONGEST_SIDE = 2_400
"""Larger ones are made smaller: a screenshot is readable at that."""
FORMATS = ("PNG", "JPEG", "WEBP")
STORED_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is kept."""

    content: bytes
    content_type: str
    width: int
    height: int


def read(file: BinaryIO | Any) -> Picture:
    """Return what is in an uploaded ``file``; raise ``Refused`` unless it is a picture of bearable size."""
    raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise Refused("picture_too_big", _("The picture is larger than 5 MB. Please send a smaller one."), status=413)
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(raw), formats=FORMATS)
            # What the header says, before a single pixel is unpacked.
            if opened.width * opened.height > MOST_PIXELS or min(opened.size) < 1:
                raise _too_many_pixels()
            if getattr(opened, "n_frames", 1) > 1:
                opened.seek(0)
            opened.load()
            turned = ImageOps.exif_transpose(opened)
            flat = turned.convert(
                "RGBA" if turned.mode in ("RGBA", "LA", "PA") or "transparency" in turned.info else "RGB"
            )
            if flat.mode == "RGBA":
                ground = Image.new("RGB", flat.size, "white")
                ground.paste(flat, mask=flat.getchannel("A"))
                flat = ground
            flat.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    except Refused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except Exception:
        # Decoders raise whatever they like at what is broken on purpose.
        raise Refused("not_a_picture", _("That file is not a picture we can read. PNG and JPEG work.")) from None
    # Pixels alone: a new picture has no profile, no place and no words in it.
    clean = Image.frombytes("RGB", flat.size, flat.tobytes())
    content, kind = _encoded(clean)
    return Picture(content, kind, clean.width, clean.height)


def _too_many_pixels() -> Refused:
    said = _("The picture has too many pixels. Please send a smaller one.")
    return Refused("picture_too_big", said, status=413)


def _encoded(clean: Any) -> tuple[bytes, str]:
    out = io.BytesIO()
    clean.save(out, "PNG", optimize=False)
    if out.tell() <= STORED_BYTES:
        return out.getvalue(), "image/png"
    out = io.BytesIO()
    clean.save(out, "JPEG", quality=80)
    return out.getvalue(), "image/jpeg"


def keep(message: IssueMessage, picture: Picture) -> IssuePicture:
    """Store ``picture`` with the message it came with."""
    return IssuePicture.objects.create(
        message=message,
        content=picture.content,
        content_type=picture.content_type,
        width=picture.width,
        height=picture.height,
    )

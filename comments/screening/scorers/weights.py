"""
The file a scorer's weights are kept in: one byte for each bucket, and the few numbers that make a probability of them.

The layout is fixed and holds numbers only, so reading a file can run nothing::

    magic "NCW1" · kind, version, spec (16, 32 and 32 bytes, padded with zeros) · bits, medium, high
    scale · bias · slope · offset · length of what follows · the weights as signed bytes, deflated · SHA-256 of it all
"""

from __future__ import annotations

import math
import struct
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from comments import conf
from comments.screening.scorers import features

SHIPPED: Final = Path(__file__).resolve().parent / "models"
MAGIC: Final = b"NCW1"
HEAD: Final = struct.Struct("<4s16s32s32sHddddddI")
DIGEST: Final = 32
MOST: Final = 1_000_000


class BrokenModel(Exception):
    """A file of weights that is not used, and why, in a sentence."""


@dataclass(frozen=True, slots=True)
class Weights:
    """
    A linear model over the buckets of :mod:`~comments.screening.scorers.features`.

    ``slope`` and ``offset`` turn its logit into a probability; from ``medium`` and ``high`` on that has these names.
    """

    data: array[int]
    scale: float
    bias: float
    kind: str
    version: str
    spec: str = features.SPEC
    bits: int = features.BITS
    slope: float = 1.0
    offset: float = 0.0
    medium: float = 0.5
    high: float = 0.9

    def logit(self, buckets: Sequence[int]) -> float:
        """Return what the model makes of ``buckets``: larger is likelier, and nothing else is promised of it."""
        if not buckets:
            return self.bias
        return self.bias + sum(map(self.data.__getitem__, buckets)) * self.scale / math.sqrt(len(buckets))

    def probability(self, logit: float) -> float:
        """Return the probability for a logit of this model, by its own calibration."""
        return sigmoid(self.slope * logit + self.offset)

    def label(self, p: float) -> str:
        """Return ``low``, ``medium`` or ``high``."""
        return "high" if p >= self.high else "medium" if p >= self.medium else "low"


def sigmoid(value: float) -> float:
    """Return ``1 / (1 + exp(-value))``, for any value."""
    if value < 0:
        grown = math.exp(max(value, -700.0))
        return grown / (1 + grown)
    return 1 / (1 + math.exp(-min(value, 700.0)))


def packed(weights: Weights) -> bytes:
    """Return the file of ``weights``; the same weights give the same bytes."""
    deflated = zlib.compress(weights.data.tobytes(), 9)
    head = HEAD.pack(
        MAGIC,
        weights.kind.encode("ascii"),
        weights.version.encode("ascii"),
        weights.spec.encode("ascii"),
        weights.bits,
        weights.medium,
        weights.high,
        weights.scale,
        weights.bias,
        weights.slope,
        weights.offset,
        len(deflated),
    )
    return head + deflated + sha256(head + deflated).digest()


def unpacked(content: bytes, name: str) -> Weights:
    """Return the weights in ``content``; raise ``BrokenModel``, calling the file ``name``, for any other content."""
    if len(content) < HEAD.size + DIGEST or content[:4] != MAGIC:
        raise BrokenModel(f"{name} is not a file of weights.")
    _magic, kind, version, spec, bits, medium, high, scale, bias, slope, offset, length = HEAD.unpack_from(content)
    if len(content) != HEAD.size + length + DIGEST:
        raise BrokenModel(f"{name} is {len(content)} bytes long, not {HEAD.size + length + DIGEST}.")
    if sha256(content[:-DIGEST]).digest() != content[-DIGEST:]:
        raise BrokenModel(f"{name} does not match its checksum.")
    kind, version, spec = (word.rstrip(b"\0").decode("ascii", "replace") for word in (kind, version, spec))
    if (spec, bits) != (features.SPEC, features.BITS):
        raise BrokenModel(f"{name} was made for the features {spec} ({bits} bits), not {features.SPEC}.")
    numbers = (medium, high, scale, bias, slope, offset)
    if not all(map(math.isfinite, numbers)) or scale < 0 or slope <= 0 or not 0 <= medium <= high <= 1:
        raise BrokenModel(f"{name} holds numbers that make no probability.")
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(content[HEAD.size : -DIGEST], (1 << bits) + 1)
    except zlib.error as error:
        raise BrokenModel(f"{name} cannot be inflated ({error}).") from error
    if len(raw) != 1 << bits or not inflate.eof:
        raise BrokenModel(f"{name} does not hold {1 << bits} weights.")
    return Weights(
        data=array("b", raw),
        scale=scale,
        bias=bias,
        kind=kind,
        version=version,
        spec=spec,
        bits=bits,
        slope=slope,
        offset=offset,
        medium=medium,
        high=high,
    )


def load(path: Path | str) -> Weights:
    """Return the weights in the file at ``path``; raise ``BrokenModel`` when there is none, or another content."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(MOST + 1)
    except OSError as error:
        raise BrokenModel(f"{path.name} cannot be read ({error.strerror or type(error).__name__}).") from error
    return unpacked(content, path.name)


def warm(kind: str = "toxicity") -> Weights:
    """
    Return the weights of the shipped ``kind`` (``toxicity`` or ``spam``), read once in a process.

    A file that cannot be used raises ``BrokenModel`` each time it is asked for, and is used as soon as it is whole.
    """
    return _kept(conf.get().models_folder or str(SHIPPED), kind)


@lru_cache(maxsize=8)
def _kept(folder: str, kind: str) -> Weights:
    read = load(Path(folder) / f"{kind}.bin")
    if read.kind != kind:
        raise BrokenModel(f"{kind}.bin holds weights for {read.kind}.")
    return read

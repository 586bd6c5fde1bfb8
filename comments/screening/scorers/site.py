"""
What this newsroom's own decisions add to the shipped model: the one place where its score becomes a probability.

``logit = scale * shipped + bias + ramp * trust * taught``, then the calibration. The ramp keeps what was taught out
until there are :data:`RAMP_FROM` removals, since learning from fewer makes the order worse, and lets all of it in at
:data:`RAMP_TO`. What is learnt, and how, stands in :mod:`comments.learning`; here it is only read.
"""

from __future__ import annotations

import math
import struct
import time
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from django.db import OperationalError, ProgrammingError, connection

from comments import thresholds
from comments.models import ScoringModel
from comments.screening.scorers import Health, features
from comments.screening.scorers.weights import BrokenModel, Weights, sigmoid, warm

RAMP_FROM: Final = 30
RAMP_TO: Final = 150
CALIBRATED_AFTER: Final = 50
"""Decisions before which a score is not this newsroom's, and so no percentage of anything: low, medium or high."""

MAGIC: Final = b"NCS1"
HEAD: Final = struct.Struct("<4sHI")
STEEPEST: Final = 0.05
"""Smallest slope of a calibration, so that a likelier removal never gets the smaller number."""

PARAMETERS: Final = {"scale": 1.0, "bias": 0.0, "trust": 1.0, "slope": 1.0, "offset": 0.0}


@dataclass(frozen=True, slots=True)
class Taught:
    """The active model of this newsroom, ready to be asked."""

    number: int
    weights: Sequence[float]
    """One for each bucket."""
    removals: int = 0
    decisions: int = 0
    scale: float = 1.0
    bias: float = 0.0
    trust: float = 1.0
    slope: float = 1.0
    offset: float = 0.0

    @property
    def version(self) -> str:
        return f"site-{self.number}"

    def probability(self, shipped: float, buckets: Sequence[int]) -> float:
        """Return the probability of a removal. ``shipped`` is the shipped model's logit, by its own calibration."""
        own = ramp(self.removals) * self.trust * taught(self.weights, buckets)
        total = self.scale * shipped + self.bias + own
        return sigmoid(self.slope * total + self.offset)


def ramp(removals: int) -> float:
    """Return how much of what was taught counts after so many removals, 0 to 1."""
    return min(1.0, max(0.0, (removals - RAMP_FROM) / (RAMP_TO - RAMP_FROM)))


def taught(weights: Sequence[float], buckets: Sequence[int]) -> float:
    """Return what the newsroom's own weights make of a text."""
    return sum(map(weights.__getitem__, buckets)) / math.sqrt(len(buckets)) if buckets else 0.0


def shipped_logit(weights: Weights, warm_logit: float) -> float:
    """Return the shipped model's logit by its own calibration, as everything here takes it."""
    return weights.slope * warm_logit + weights.offset


def is_calibrated(version: str) -> bool:
    """Say whether a score of this version is calibrated to what this newsroom removes."""
    return version.startswith("site-")


# --- For the scorer ---------------------------------------------------------------------------------------------------


def combine(warm_logit: float, buckets: Sequence[int]) -> tuple[float, str]:
    """
    Return the probability that an editor removes a text, and the version of what says so.

    ``warm_logit`` is what the shipped model makes of the text's ``buckets``; a larger one never lowers the answer.
    Raise ``BrokenModel`` when the newsroom's model is not what was stored: the comment is held, nothing is guessed.
    """
    shipped, own = warm(), active()
    if own is None or own.decisions < CALIBRATED_AFTER:
        return shipped.probability(warm_logit), shipped.version
    return own.probability(shipped_logit(shipped, warm_logit), buckets), own.version


def alone(buckets: Sequence[int]) -> tuple[float | None, str]:
    """Return the same for a text in a script the shipped model cannot read; ``None`` while nothing was learnt."""
    own = active()
    if own is None or own.decisions < CALIBRATED_AFTER or not ramp(own.removals):
        return None, warm().version
    return own.probability(0.0, buckets), own.version


_no_tables_at = float("-inf")
_kept: tuple[thresholds.InForce, Taught | BrokenModel | None] | None = None


def active() -> Taught | None:
    """
    Return the model in use as of the policy in force, read once for each version of the policy; ``None``: nothing yet.

    Raise ``BrokenModel`` for one whose bytes, checksum or features are wrong.
    """
    global _kept, _no_tables_at
    if time.monotonic() - _no_tables_at < thresholds.RECHECK_SECONDS:
        return None
    try:
        now = thresholds.in_force()
    except (OperationalError, ProgrammingError):
        # Texts are scored from the command line where there are no tables yet, and then nothing was taught.
        if connection.in_atomic_block:
            raise
        _no_tables_at = time.monotonic()
        return None
    if _kept is None or _kept[0] is not now:
        _kept = (now, _read())
    found = _kept[1]
    if isinstance(found, BrokenModel):
        raise found
    return found


def health() -> Health:
    """Say whether the newsroom's own model can be used."""
    try:
        active()
    except BrokenModel as error:
        return Health(False, str(error))
    return Health(True)


def _read() -> Taught | BrokenModel | None:
    row = ScoringModel.objects.filter(status=ScoringModel.Status.ACTIVE).first()
    if row is None:
        return None
    try:
        return loaded(row)
    except BrokenModel as error:
        return error


def loaded(row: ScoringModel) -> Taught:
    """Return a stored model; raise ``BrokenModel`` when it is not whole or belongs to other features."""
    name = f"site-{row.number}"
    weights, _squares = unpacked(bytes(row.weights), row.checksum, row.feature_spec, name)
    given: Any = row.parameters
    numbers = [given.get(name, default) for name, default in PARAMETERS.items()]
    if not all(isinstance(each, int | float) and math.isfinite(each) for each in numbers):
        raise BrokenModel(f"{name} holds numbers that make no probability.")
    scale, bias, trust, slope, offset = map(float, numbers)
    if scale < 0 or trust < 0 or slope <= 0:
        raise BrokenModel(f"{name} holds numbers that make no probability.")
    return Taught(row.number, weights, row.removal_count, row.decision_count, scale, bias, trust, slope, offset)


# --- The bytes ----------------------------------------------------------------------------------------------------


def packed(weights: Sequence[float], squares: Sequence[float]) -> tuple[bytes, str]:
    """
    Return weights and the state of their learning rates as bytes, and the checksum: only the buckets ever touched.

    Numbers only, in a fixed layout: magic ``NCS1``, bits, count; then deflated the buckets (int32), the weights and
    the squares (float32).
    """
    touched = array("i", [bucket for bucket, square in enumerate(squares) if square or weights[bucket]])
    own = array("f", [weights[bucket] for bucket in touched])
    rates = array("f", [squares[bucket] for bucket in touched])
    body = zlib.compress(touched.tobytes() + own.tobytes() + rates.tobytes(), 1)
    content = HEAD.pack(MAGIC, features.BITS, len(touched)) + body
    return content, sha256(content).hexdigest()


def unpacked(content: bytes, checksum: str, spec: str, name: str) -> tuple[list[float], list[float]]:
    """Return weights and squares, one each for every bucket; raise ``BrokenModel`` for anything else."""
    if spec != features.SPEC:
        raise BrokenModel(f"{name} was made for the features {spec}, not {features.SPEC}.")
    if sha256(content).hexdigest() != checksum:
        raise BrokenModel(f"{name} does not match its checksum.")
    size = 1 << features.BITS
    if len(content) < HEAD.size:
        raise BrokenModel(f"{name} is cut short.")
    magic, bits, count = HEAD.unpack_from(content)
    if magic != MAGIC or bits != features.BITS or count > size:
        raise BrokenModel(f"{name} is not a file of weights.")
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(content[HEAD.size :], 12 * count + 1)
    except zlib.error as error:
        raise BrokenModel(f"{name} cannot be inflated ({error}).") from error
    if len(raw) != 12 * count:
        raise BrokenModel(f"{name} does not hold {count} weights.")
    touched, own, rates = (
        array("i", raw[: 4 * count]),
        array("f", raw[4 * count : 8 * count]),
        array("f", raw[8 * count :]),
    )
    if count and (min(touched) < 0 or max(touched) >= size):
        raise BrokenModel(f"{name} has weights for buckets that do not exist.")
    if not all(map(math.isfinite, own)) or not all(map(math.isfinite, rates)):
        raise BrokenModel(f"{name} holds numbers that are none.")
    weights, squares = [0.0] * size, [0.0] * size
    for bucket, weight, rate in zip(touched, own, rates, strict=True):
        weights[bucket] = weight
        squares[bucket] = rate
    return weights, squares

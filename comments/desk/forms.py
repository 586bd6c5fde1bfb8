"""What an editor sends: a verdict on the version they looked at, or the wish to take a decision back."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from comments.screening import Verdict

BIGGEST = 2**63 - 1
WORDS = ("explanation", "note", "legal_ground", "words", "to")
MARKS = {"feature": "unfeature", "unfeature": "feature", "pin": "unpin", "unpin": "pin"}
"""What readers are shown beside a comment, and what takes it back."""


class PlaceForm(forms.Form):
    """Where on the desk it was sent from, so that the editor comes back there. All of it may be missing."""

    queue = forms.CharField(required=False, max_length=600)
    q = forms.CharField(required=False, max_length=2000)
    """A search, as typed into the field."""
    after = forms.CharField(required=False, max_length=60)
    next = forms.IntegerField(required=False, min_value=1, max_value=BIGGEST)
    view = forms.CharField(required=False, max_length=10)


class ApprovalForm(forms.Form):
    """Whether the score may publish in a section, and how many of a hundred may be wrong."""

    section = forms.CharField(max_length=80)
    state = forms.ChoiceField(choices=[("off", ""), ("shadow", ""), ("armed", "")])
    limit = forms.DecimalField(min_value=Decimal("0.1"), max_value=20, max_digits=5, decimal_places=2)


class SeenForm(PlaceForm):
    """The comment, and the version of it that the editor looked at."""

    comment = forms.IntegerField(min_value=1, max_value=BIGGEST)
    version = forms.IntegerField(min_value=0, max_value=BIGGEST)
    text = forms.IntegerField(required=False, min_value=0, max_value=BIGGEST)
    """Number of the text that was looked at."""
    last = forms.IntegerField(required=False, min_value=0, max_value=BIGGEST)
    """The last decision that was seen."""


class DecisionForm(SeenForm):
    """
    ``decision`` is ``publish``, ``hold``, ``reject:<reason>``, or ``reject`` with ``reason`` beside it.

    Or a mark that readers see: ``feature``, ``unfeature``, ``pin``, ``unpin``; ``publish:feature`` does both.
    """

    decision = forms.CharField(max_length=80)
    reason = forms.CharField(required=False, max_length=40)
    explanation = forms.CharField(required=False, max_length=2000, label=_("Explanation"))
    note = forms.CharField(required=False, max_length=2000, label=_("Private note"))
    legal_ground = forms.CharField(required=False, max_length=500, label=_("Law"))
    suggested = forms.CharField(required=False, max_length=80)
    """What the card suggested."""
    again = forms.BooleanField(required=False)
    """Sent once more, because nobody knows whether it arrived."""

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        action, _colon, detail = given.get("decision", "").partition(":")
        if action not in ("publish", "hold", "reject", *MARKS):
            raise forms.ValidationError(_("Press Approve, Hold or a reason."), code="unknown_decision")
        given["action"], given["reason"] = action, (detail if action == "reject" else "") or given.get("reason", "")
        given["mark"] = action if action in MARKS else "feature" if (action, detail) == ("publish", "feature") else ""
        return given

    @property
    def assistance(self) -> str:
        """Whether the editor took what the card suggested."""
        given = self.cleaned_data
        taken = given["action"] + (f":{given['reason']}" if given["action"] == "reject" else "")
        return "suggestion" if given.get("suggested") and given["suggested"] == taken else "findings"

    def verdict(self) -> Verdict:
        """Return what the editor said. Only a rejection speaks to the author."""
        given = self.cleaned_data
        rejected = given["action"] == "reject"
        return Verdict(
            given["action"],
            reason=given["reason"] if rejected else "",
            legal_ground=given["legal_ground"] if rejected else "",
            explanation=given["explanation"] if rejected else "",
            private_note=given["note"],
        )


class UndoForm(SeenForm):
    """``undo`` is a decision's id, or the mark that takes the other back."""

    undo = forms.CharField(max_length=20)

    def clean_undo(self) -> int | str:
        wanted: str = self.cleaned_data["undo"]
        if wanted in MARKS:
            return wanted
        if not (wanted.isascii() and wanted.isdecimal() and 0 < int(wanted) <= BIGGEST):
            raise forms.ValidationError(_("There is no such decision to take back."), code="nothing_to_undo")
        return int(wanted)


class ClaimForm(PlaceForm):
    """Cards that are wanted, with the version seen of each; those to be sent along; those that are left."""

    def numbers(self, name: str) -> list[int]:
        """Return the ids in the field ``name``, in their order; what is none is left out."""
        return [pk for pk, _version in self.seen(name)]

    def seen(self, name: str) -> list[tuple[int, int]]:
        """Return (id, version) of every ``12:3``; a version that is not said is 0."""
        found = []
        for given in self.data.getlist(name)[:100]:  # type: ignore[attr-defined]  # what a browser posted
            pk, _colon, version = given.partition(":")
            if pk.isascii() and pk.isdecimal() and 0 < int(pk[:20]) <= BIGGEST:
                number = int(version[:18]) if version.isascii() and version.isdecimal() else 0
                found.append((int(pk[:20]), number))
        return found

    def moment(self, name: str) -> datetime | None:
        """Return the moment in the field ``name``, if it is one."""
        try:
            at = datetime.fromisoformat(self.data.get(name, ""))
        except ValueError:
            return None
        # Nothing happened here in other centuries, and at either end of time there is no room to reckon in.
        return at if at.tzinfo and 2000 <= at.year < 3000 else None


def complaint(form: forms.Form) -> str:
    """Return what is wrong with ``form``, in one line."""
    return " ".join(
        f"{form.fields[name].label}: {error}" if name in form.fields and form.fields[name].label else str(error)
        for name, errors in form.errors.items()
        for error in errors
    )

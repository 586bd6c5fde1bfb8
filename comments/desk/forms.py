"""What an editor sends: a verdict on the version they looked at, or the wish to take a decision back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from comments.screening import Verdict

BIGGEST = 2**63 - 1
WORDS = ("explanation", "note", "legal_ground", "words", "to")


class PlaceForm(forms.Form):
    """Where on the desk it was sent from, so that the editor comes back there. All of it may be missing."""

    queue = forms.CharField(required=False, max_length=40)
    after = forms.CharField(required=False, max_length=60)
    next = forms.IntegerField(required=False, min_value=1, max_value=BIGGEST)


class ApprovalForm(forms.Form):
    """Whether the score may publish in a section, and how many of a hundred may be wrong."""

    section = forms.CharField(max_length=80)
    state = forms.ChoiceField(choices=[("off", ""), ("shadow", ""), ("armed", "")])
    limit = forms.DecimalField(min_value=Decimal("0.1"), max_value=20, max_digits=5, decimal_places=2)


class SeenForm(PlaceForm):
    """The comment, and the version of it that the editor looked at."""

    comment = forms.IntegerField(min_value=1, max_value=BIGGEST)
    version = forms.IntegerField(min_value=0, max_value=BIGGEST)


class DecisionForm(SeenForm):
    """``decision`` is ``publish``, ``hold``, ``reject:<reason>``, or ``reject`` with ``reason`` beside it."""

    decision = forms.CharField(max_length=80)
    reason = forms.CharField(required=False, max_length=40)
    explanation = forms.CharField(required=False, max_length=2000, label=_("Explanation"))
    note = forms.CharField(required=False, max_length=2000, label=_("Private note"))
    legal_ground = forms.CharField(required=False, max_length=500, label=_("Law"))

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        action, _colon, reason = given.get("decision", "").partition(":")
        if action not in ("publish", "hold", "reject"):
            raise forms.ValidationError(_("Press Approve, Hold or a reason."), code="unknown_decision")
        given["action"], given["reason"] = action, reason or given.get("reason", "")
        return given

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
    undo = forms.IntegerField(min_value=1, max_value=BIGGEST)


def complaint(form: forms.Form) -> str:
    """Return what is wrong with ``form``, in one line."""
    return " ".join(
        f"{form.fields[name].label}: {error}" if name in form.fields and form.fields[name].label else str(error)
        for name, errors in form.errors.items()
        for error in errors
    )

"""What becomes of the Django user of a person who is erased: see ``COMMENTS["ERASE_USER"]``."""

from __future__ import annotations

import secrets
from typing import Any

from django.apps import apps
from django.db import models


def scrub_user(user: Any) -> None:
    """
    Empty what the user model knows of a person and switch the user off. Their row stays, for what points at it.

    The sign-in name becomes one that nobody chooses; texts and addresses are emptied where they may be empty. What
    django-allauth keeps beside it, addresses and accounts at other sites, is deleted. Twice is once.
    """
    unique = f"erased-{user.pk}-{secrets.token_hex(4)}"
    for field in user._meta.concrete_fields:
        if field.primary_key or not isinstance(field, models.CharField | models.TextField) or field.name == "password":
            continue
        if field.name == user.USERNAME_FIELD or field.unique:
            old = getattr(user, field.attname) or ""
            if not old.startswith("erased-"):
                wanted = f"{unique}@invalid" if isinstance(field, models.EmailField) else unique
                setattr(user, field.attname, wanted[: field.max_length])
        elif field.choices is None:
            setattr(user, field.attname, None if field.null else "")
    user.set_unusable_password()
    user.is_active = False
    user.save()
    for model, name in (("account.EmailAddress", "user"), ("socialaccount.SocialAccount", "user")):
        if apps.is_installed(f"allauth.{model.partition('.')[0]}"):
            apps.get_model(model)._default_manager.filter(**{name: user}).delete()

"""The editors' door: the moderation desk, inside the Django admin."""

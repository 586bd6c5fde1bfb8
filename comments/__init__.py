"""A comment section, a moderation desk and an answer to "having issues commenting?", for newsrooms."""

__version__ = "0.1.0"

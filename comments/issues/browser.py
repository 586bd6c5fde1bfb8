"""What a browser says of itself, in words an editor and a reader understand."""

from __future__ import annotations

import re

# The first that fits: nearly every browser also says that it is Safari, and many that they are Chrome.
_BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/(\d+)"),
    ("Opera", r"(?:OPR|Opera)/(\d+)"),
    ("Samsung Internet", r"SamsungBrowser/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"(?:Chrome|CriOS|Chromium)/(\d+)"),
    ("Safari", r"Version/(\d+)[.\d]* (?:Mobile/\w+ )?Safari/"),
)
_SYSTEMS = (
    ("iPad", r"iPad"),
    ("iPhone", r"iPhone"),
    ("Android", r"Android ?(\d+)?"),
    ("Windows", r"Windows"),
    ("macOS", r"Mac OS X|Macintosh"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux"),
)


def described(agent: str) -> str:
    """Return "Firefox 145 on Android 15" with the header it was read from behind it, or just the header."""
    header = agent[:200].strip()
    browser, system = _first(_BROWSERS, header), _first(_SYSTEMS, header)
    if not (browser and system):
        return header
    return f"{browser} on {system} ({header})"


def _first(known: tuple[tuple[str, str], ...], header: str) -> str:
    for name, pattern in known:
        if found := re.search(pattern, header):
            version = found.group(1) if found.re.groups else None
            return f"{name} {version}" if version else name
    return ""

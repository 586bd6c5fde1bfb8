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
    """Return "Firefox 145 on Android 15", or as much of it as is known. The header itself is kept nowhere."""
    browser, system = named(agent)
    if browser and system:
        return f"{browser} on {system}"
    return browser or system


def named(agent: str) -> tuple[str, str]:
    """Return the family of the browser with its major version, and the system: "" for what is not known."""
    header = agent[:400].strip()
    return _first(_BROWSERS, header), _first(_SYSTEMS, header)


def _first(known: tuple[tuple[str, str], ...], header: str) -> str:
    for name, pattern in known:
        if found := re.search(pattern, header):
            version = found.group(1) if found.re.groups else None
            return f"{name} {version}" if version else name
    return ""

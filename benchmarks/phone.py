"""
How soon somebody on a middling phone can write under a thousand comments: ``python -m benchmarks.phone [--json FILE]``.

A Chromium with an empty cache opens an article on a processor four times slower and a line of 1.6 Mbit/s with 150 ms to
the server and back. The clock starts with the navigation. It stops when the section's script has bound the form: that
is when it shows the buttons for formatting, which nothing else does. Bodies are compressed, as by the proxy in front.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.browsers import ARGUMENTS
from tests.servers import Deployment

LOADS = 7
SETTLED = 2_000
"""Milliseconds that a new window is left alone."""
SLOWER = 4
LINE = {"offline": False, "latency": 150, "downloadThroughput": 1_600_000 / 8, "uploadThroughput": 750_000 / 8}
PHONE = {"width": 390, "height": 844}
STORY = "open-the-library-on-sundays"
"""Where guests may write: the form is there without an account, and so is the whole script."""

CLOCK = """() => {
  window.bound = new Promise((done) => {
    new MutationObserver((_changes, observer) => {
      if (!document.querySelector("form[data-composer] [data-needs-script]:not([hidden])")) return;
      observer.disconnect();
      done(performance.now());
    }).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ["hidden"]});
  });
}"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
BYTES = """performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"))
  .reduce((sum, one) => sum + one.encodedBodySize, 0)"""

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def compressed(application: Application) -> Application:
    """Return a WSGI application that answers as ``application`` behind a proxy that compresses."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        given: list[Any] = []
        body = b"".join(application(environ, lambda status, headers, *_error: given.extend((status, headers))))
        status, headers = given[0], [one for one in given[1] if one[0].lower() != "content-length"]
        kind = {name.lower(): value for name, value in headers}.get("content-type", "")
        if body and kind.startswith(("text/", "application/j", "image/svg")):
            body = gzip.compress(body, 6)
            headers.append(("Content-Encoding", "gzip"))
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [body]

    return answer


def __getattr__(name: str) -> Any:
    """Make ``application`` when a server asks for it, and not when this is run as a command."""
    if name != "application":
        raise AttributeError(name)
    from newsroom.wsgi import application

    return compressed(application)


class Paper(Deployment):
    """The newspaper with a crowded discussion."""

    def start(self, count: int) -> None:
        self.manage("demo", "--prepare-only")
        self.manage("seed_comments", "--article", STORY, "--count", str(count), "--fast")
        self.run(
            "web", "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port),
            "--workers", "1", "--blocking-threads", "4", "benchmarks.phone:application",
        )  # fmt: skip
        self.wait()


def load(browser: Any, address: str, *, throttled: bool) -> dict[str, float]:
    """Open ``address`` with an empty cache; return milliseconds to the first paint and to the bound form, and bytes."""
    context = browser.new_context(viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True)
    page = context.new_page()
    page.add_init_script(f"({CLOCK})()")
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    if throttled:
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        devtools.send("Network.emulateNetworkConditions", LINE)
    # A new window first loads the browser's own pieces, some hundred files, which no phone does meanwhile.
    page.wait_for_timeout(SETTLED)
    page.goto(address, wait_until="commit")
    bound = page.evaluate("window.bound")
    page.wait_for_load_state()
    # Whoever is fast has bound the form before anything is painted.
    page.evaluate(f"async () => {{ while (!({PAINTED} > 0)) await new Promise(requestAnimationFrame) }}")
    found = {"bound": bound, "painted": page.evaluate(PAINTED), "bytes": page.evaluate(BYTES)}
    context.close()
    return found


def measure(base: str, count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return what the loads took, on a throttled phone and on this machine as it is."""
    from playwright.sync_api import sync_playwright

    found: dict[str, Any] = {"count": count, "loads": LOADS, "slower": SLOWER, "line": LINE}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        # The first one fills the server's caches, as the first of many readers does.
        load(browser, f"{base}/articles/{STORY}/", throttled=False)
        for name, throttled in (("phone", True), ("here", False)):
            say(f"{LOADS} loads, {name}")
            loads = [load(browser, f"{base}/articles/{STORY}/", throttled=throttled) for _load in range(LOADS)]
            found[name] = {
                what: {
                    "median": statistics.median(one[what] for one in loads),
                    "worst": max(one[what] for one in loads),
                }
                for what in loads[0]
            }
        browser.close()
    found["busy"] = {"waiting": round(os.getloadavg()[0], 1), "processors": os.cpu_count()}
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.phone", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000, help="comments under the article")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args(arguments)
    if shutil.which("chromium") is None:
        print("Nothing was measured: Chromium is not installed; ./run services installs it.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        paper = Paper(Path(directory))
        try:
            paper.start(options.count)
            found = measure(paper.base, options.count, lambda what: print(f"  {what} …", file=sys.stderr, flush=True))
        finally:
            paper.stop()
    written = json.dumps(found, indent=1)
    if options.json:
        options.json.write_text(written + "\n")
    else:
        print(written)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""
Load on loopback, bounded in time: wrk where it is installed, otherwise a small loader of our own.

Both send the same list of requests over and over on 16 connections that stay open. ``%N%`` in a body becomes a number
that never comes twice, and ``%WORDS%`` fifty words, as often each as they stand in the demonstration articles: texts as
unlike each other as readers' are.
"""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

from benchmarks.phrases import prose

CONNECTIONS = 16
WORDS = 50


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int
    """Answers of 400 and above, and connections that broke."""

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def tool() -> str:
    return "wrk" if shutil.which("wrk") else "the built-in loader (wrk is not installed: req/s are too low)"


def run(base: str, requests: list[Request], seconds: float, connections: int = CONNECTIONS) -> Load:
    """Send ``requests`` in turn for ``seconds``."""
    if wrk := shutil.which("wrk"):
        return _wrk(wrk, base, requests, seconds, connections)
    return asyncio.run(_built_in(base, requests, seconds, connections))


def filled(body: str, number: int) -> str:
    """Return the ``body`` of the request of this number: figures and words that are unlike those of its neighbours."""
    said = random.Random(number).choices(_words(), k=WORDS) if "%WORDS%" in body else []
    return body.replace("%N%", str(number * 7919 % 1_000_003)).replace("%WORDS%", " ".join(said))


@cache
def _words() -> list[str]:
    return re.findall("[A-Za-z]+", prose())


# --- wrk --------------------------------------------------------------------------------------------------------------

SCRIPT = """
local list = {
%s
}
local words = {
%s
}
local n = 0
local function said()
  local chosen = {}
  for place = 1, %d do chosen[place] = words[math.random(#words)] end
  return table.concat(chosen, " ")
end
function init(args)
  math.randomseed(os.time())
  for _, r in ipairs(list) do
    if not r.body or not r.body:find("%%%%N%%%%") then r.ready = wrk.format(r.method, r.path, r.headers, r.body) end
  end
end
function request()
  n = n + 1
  local r = list[(n - 1) %% #list + 1]
  if r.ready then return r.ready end
  local body = r.body:gsub("%%%%N%%%%", tostring((n * 7919) %% 1000003)):gsub("%%%%WORDS%%%%", said)
  return wrk.format(r.method, r.path, r.headers, body)
end
function done(summary, latency)
  local e = summary.errors
  print(string.format("RESULT %%d %%d %%f %%f %%d", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
"""


def _lua(text: str) -> str:
    return f"[==[{text}]==]"


def _wrk(wrk: str, base: str, requests: list[Request], seconds: float, connections: int) -> Load:
    rows = []
    for r in requests:
        headers = ", ".join(f"[ {_lua(name)} ] = {_lua(value)}" for name, value in r.headers.items())
        body = f", body = {_lua(r.body)}" if r.body else ""
        rows.append(f"  {{method = {_lua(r.method)}, path = {_lua(r.path)}, headers = {{{headers}}}{body}}},")
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        words = ", ".join(f'"{word}"' for word in _words())
        script.write(SCRIPT % ("\n".join(rows), words, WORDS))
        script.flush()
        done = subprocess.run(
            [wrk, "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "10s", "-s", script.name, base],
            capture_output=True,
            text=True,
            timeout=seconds + 30,
        )
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise RuntimeError(f"wrk gave no result: {done.stdout}{done.stderr}")
    count, microseconds, p50, p99, failed = map(float, line.split()[1:])
    return Load(int(count), microseconds / 1e6, p50 / 1e3, p99 / 1e3, int(failed))


# --- Our own ----------------------------------------------------------------------------------------------------------


async def _built_in(base: str, requests: list[Request], seconds: float, connections: int) -> Load:
    where = urlsplit(base)
    host, port = where.hostname or "127.0.0.1", where.port or 80
    latencies: list[float] = []
    state = {"n": 0, "failed": 0}
    started = time.perf_counter()
    until = started + seconds

    def bytes_of(number: int) -> bytes:
        r = requests[number % len(requests)]
        body = filled(r.body, number).encode()
        lines = [f"{r.method} {r.path} HTTP/1.1", f"Host: {host}:{port}"]
        lines += [f"{name}: {value}" for name, value in r.headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body

    async def one() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            while (begun := time.perf_counter()) < until:
                number = state["n"]
                state["n"] += 1
                writer.write(bytes_of(number))
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                status = int(head[9:12])
                length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
                if b"transfer-encoding: chunked" in head:
                    while size := int(await reader.readline(), 16):
                        await reader.readexactly(size + 2)
                    await reader.readline()
                elif length.strip() and status != 304:
                    await reader.readexactly(int(length))
                state["failed"] += status >= 400
                latencies.append(time.perf_counter() - begun)
        except (OSError, asyncio.IncompleteReadError):
            state["failed"] += 1
        finally:
            writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    elapsed = time.perf_counter() - started
    return Load(
        len(latencies), elapsed, percentile(latencies, 50) * 1e3, percentile(latencies, 99) * 1e3, state["failed"]
    )


def percentile(values: list[float], percent: float) -> float:
    """Return the value that ``percent`` of ``values`` do not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0

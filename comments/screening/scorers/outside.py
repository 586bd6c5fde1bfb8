"""
Asking a server that other people run, safely: one guarded call, and what its answer may be.

The address is looked up once, every address found is checked, and the connection goes to a checked one, so that a name
cannot point at the newsroom's own machines on second thought. No redirect is followed and no proxy is taken from the
environment. The whole call ends in time, whatever the server does, and nothing of a text, a key or an answer ever
stands in an exception or in a log.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import json
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn
from urllib.parse import SplitResult, urlsplit

from comments import __version__, conf
from comments.breaker import Breaker
from comments.screening import sentences
from comments.screening.scorers import CommentView, Health, Score, ScorerFailed

BODY_LIMIT = 64 * 1024
"""Longest answer that is read, in bytes."""
HEADERS_LIMIT = 32 * 1024
LABELS = 20
"""Most named probabilities that are kept of one answer."""

METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
"""Where clouds tell a machine its secrets: never asked, whatever the settings say."""
NAT64 = ipaddress.ip_network("64:ff9b::/96")
OWN_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)

_name = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/+-]{0,39}")
_url = re.compile(r"[!-~]+")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Found = tuple[int, int, int, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said with a status of success."""

    body: bytes
    headers: Mapping[str, str]

    def json(self) -> Any:
        """Return the body as JSON. Raise ``ScorerFailed`` when it is none; ``NaN`` and infinities are none."""
        try:
            return json.loads(self.body.decode(), parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise ScorerFailed("bad_answer") from None


class OutsideScorer:
    """
    What the scorers that other people run have in common: the guard, the breaker, and what they need to be set up.

    A subclass says in :meth:`ask` how one comment is put to its server.
    """

    name = ""
    version = ""
    sends_text_offsite = True
    needs: tuple[str, ...] = ()
    """Settings without which it cannot work."""

    def __init__(self) -> None:
        self.breaker = Breaker(failures=3, seconds=10)

    def score(self, items: Sequence[CommentView]) -> Sequence[Score]:
        """Ask for each item in turn. Raise ``ScorerFailed`` when the server gave no answer that can be used."""
        settings = conf.get()
        if self.lacks(settings):
            raise ScorerFailed("not_set_up")
        return [self.ask(item, settings) for item in items]

    def ask(self, item: CommentView, settings: conf.Settings) -> Score:
        """Return the server's score of one comment."""
        raise NotImplementedError

    def learn(self, decisions: Sequence[Any]) -> None:
        """Take no note: this server is not told what editors decide."""

    def lacks(self, settings: conf.Settings) -> list[str]:
        """Return the settings that it needs and that are empty, as they are written in ``COMMENTS``."""
        return [name.upper() for name in self.needs if not getattr(settings, name)]

    def address(self, settings: conf.Settings) -> str:
        """Return the address it is set up to ask."""
        raise NotImplementedError

    def health(self) -> Health:
        """Say whether it is set up, and whether it answered this process the last times."""
        settings = conf.get()
        why = ""
        if self.lacks(settings):
            why = "not_set_up"
        elif complaint(self.address(settings), allow_private=settings.allow_private_scorers):
            why = "refused_address"
        elif self.breaker.is_open:
            why = "breaker_open"
        if not why:
            return Health(True)
        return Health(False, sentences.for_editor("scorer_failed", {"scorer": self.name, "why": why}))

    def post(
        self, url: str, body: bytes, *, content_type: str = "application/json", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """
        Post ``body`` and return the answer.

        Raise ``ScorerFailed`` when there is none, at once while the server is known not to answer.
        """
        settings = conf.get()
        if not self.breaker.allows():
            raise ScorerFailed("breaker_open")
        try:
            answer = call(
                url,
                body,
                headers={"Content-Type": content_type, **(headers or {})},
                milliseconds=settings.scorer_milliseconds,
                allow_private=settings.allow_private_scorers,
            )
        except ScorerFailed as failure:
            # A server that refuses this one text does answer: nobody may switch it off by posting such texts.
            if failure.by_server:
                self.breaker.failed()
            else:
                self.breaker.succeeded()
            raise
        self.breaker.succeeded()
        return answer


# --- What an answer may hold ----------------------------------------------------------------------------------------


def probability(value: object) -> float:
    """Return ``value`` when it is a number from 0 to 1; else raise ``ScorerFailed``."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ScorerFailed("bad_answer")
    return float(value)


def labels(given: object) -> dict[str, float]:
    """Return the named probabilities in ``given``, the highest ones. Odd names are left out, odd numbers refused."""
    if not isinstance(given, dict):
        raise ScorerFailed("bad_answer")
    named = {n: probability(value) for n, value in given.items() if value is not None and _name.fullmatch(n)}
    return dict(sorted(named.items(), key=lambda pair: (-pair[1], pair[0]))[:LABELS])


def word(value: object, otherwise: str = "") -> str:
    """Return ``value`` when it can stand as a version: up to 40 plain characters; else ``otherwise``."""
    return value if isinstance(value, str) and _name.fullmatch(value) else otherwise[:40]


def member(value: object, *path: str | int) -> Any:
    """Return what stands at ``path`` in ``value``. Raise ``ScorerFailed`` when nothing does."""
    for step in path:
        try:
            value = value[step]  # type: ignore[index]  # whatever it is: what has no such member is refused
        except (LookupError, TypeError):
            raise ScorerFailed("bad_answer") from None
    return value


def _no_number(_word: str) -> NoReturn:
    raise ValueError


# --- The call -------------------------------------------------------------------------------------------------------


def complaint(url: str, *, allow_private: bool = False) -> str:
    """Return what is wrong with ``url`` as it is written, or "". What it points to is looked at when it is asked."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is no address"
    if not _url.fullmatch(url) or not parts.hostname or port == 0:
        return "is no address"
    if parts.username is not None or parts.password is not None:
        return "holds a name or password, which belongs in a header"
    if parts.fragment:
        return "has a fragment, which is never sent"
    if parts.scheme == "https" or (parts.scheme == "http" and allow_private):
        return ""
    return "does not begin with https://"


def call(
    url: str, body: bytes, *, headers: Mapping[str, str] | None = None, milliseconds: int, allow_private: bool = False
) -> Answer:
    """
    Post ``body`` to ``url`` and return the answer. Ends within ``milliseconds``.

    Raise ``ScorerFailed`` for every answer but one of success, every way of not answering, and every address that a
    server of ours must not be sent to.
    """
    if complaint(url, allow_private=allow_private):
        raise ScorerFailed("refused_address")
    parts = urlsplit(url)
    until = time.monotonic() + milliseconds / 1000
    try:
        line = _connected(parts, until, allow_private)
        try:
            return _exchanged(line, parts, body, headers or {})
        finally:
            line.close()
    except TimeoutError:
        raise ScorerFailed("timeout") from None
    except ssl.SSLCertVerificationError:
        raise ScorerFailed("not_trusted") from None
    except OSError:
        raise ScorerFailed("unreachable") from None
    except http.client.HTTPException:
        raise ScorerFailed("bad_answer") from None
    except ValueError:
        # A name that cannot be one, which only the connection finds out.
        raise ScorerFailed("refused_address") from None


def _exchanged(line: _Line, parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> Answer:
    asking = http.client.HTTPConnection("unused")
    asking.sock = line
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {
        "Host": parts.netloc,
        "User-Agent": f"newsroom-comments/{__version__}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Connection": "close",
        **headers,
    }
    try:
        asking.request("POST", path, body, sent)
    except ValueError:
        # A key with a line break in it, for one.
        raise ScorerFailed("not_set_up") from None
    answer = http.client.HTTPResponse(line, method="POST")  # type: ignore[arg-type]  # all it asks of it is a file
    try:
        answer.begin()
        if not 200 <= answer.status < 300:
            raise ScorerFailed("status", status=answer.status)
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise ScorerFailed("bad_answer")
        read = answer.read(BODY_LIMIT + 1)
        if len(read) > BODY_LIMIT:
            raise ScorerFailed("bad_answer")
        return Answer(read, {name.lower(): value for name, value in answer.headers.items()})
    finally:
        answer.close()


class _Line(io.RawIOBase):
    """A connection on which every wait counts against one deadline, and every byte received against one limit."""

    def __init__(self, end: socket.socket, until: float) -> None:
        self._end = end
        self._until = until
        self._bytes_left = BODY_LIMIT + HEADERS_LIMIT

    def sendall(self, data: bytes) -> None:
        self._end.settimeout(_left(self._until))
        self._end.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._end.settimeout(_left(self._until))
        count = self._end.recv_into(buffer)
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise ScorerFailed("bad_answer")
        return count

    def close(self) -> None:
        super().close()
        self._end.close()


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _connected(parts: SplitResult, until: float, allow_private: bool) -> _Line:
    host = parts.hostname or ""
    secure = parts.scheme == "https"
    found = _looked_up(host, parts.port or (443 if secure else 80), until)
    for _family, _kind, _protocol, place in found:
        if not may_be_asked(str(place[0]), allow_private=allow_private, secure=secure):
            raise ScorerFailed("refused_address")
    end = _first_that_answers(found, until)
    try:
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if secure:
            end.settimeout(_left(until))
            end = _trust().wrap_socket(end, server_hostname=host)
        return _Line(end, until)
    except BaseException:
        end.close()
        raise


def _looked_up(host: str, port: int, until: float) -> list[Found]:
    """Ask for the addresses of ``host`` beside this thread: a name server that does not answer has no timeout."""
    answers: queue.SimpleQueue[list[Found]] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put([(family, kind, protocol, place) for family, kind, protocol, _name, place in found])
        except (OSError, UnicodeError):
            answers.put([])

    threading.Thread(target=look_up, name="scorer-address", daemon=True).start()
    try:
        return answers.get(timeout=_left(until))
    except queue.Empty:
        raise TimeoutError from None


def _first_that_answers(found: list[Found], until: float) -> socket.socket:
    """Connect to one of the addresses; each has its share of the time that is left."""
    failure: OSError = ConnectionError()
    for at, (family, kind, protocol, place) in enumerate(found):
        end = socket.socket(family, kind, protocol)
        try:
            end.settimeout(_left(until) / (len(found) - at))
            end.connect(place)
        except OSError as error:
            end.close()
            failure = error
        else:
            return end
    raise failure


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """Return whom to trust: the system's authorities, or those in ``SSL_CERT_FILE``."""
    return ssl.create_default_context()


def may_be_asked(address: str, *, allow_private: bool = False, secure: bool = True) -> bool:
    """
    Say whether ``address``, a numeric one, is a place that a text may be sent to.

    Without ``allow_private`` only public addresses are; with it the newsroom's own network too, and over a connection
    that is not secure nothing but this machine itself.
    """
    try:
        place = _meant(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    if place in METADATA:
        return False
    if place.is_loopback:
        return allow_private
    if not secure:
        return False
    if any(place in network for network in OWN_NETWORKS):
        return allow_private
    if isinstance(place, ipaddress.IPv6Address) and (place.is_site_local or place.teredo):
        return False
    return place.is_global and not (place.is_reserved or place.is_multicast or place.is_link_local)


def _meant(place: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one, where there is one: it is where packets would go."""
    if isinstance(place, ipaddress.IPv6Address):
        inside = place.ipv4_mapped or place.sixtofour
        if inside is None and place in NAT64:
            inside = ipaddress.IPv4Address(int(place) & 0xFFFFFFFF)
        return inside or place
    return place

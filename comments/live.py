"""
What changed, to whoever listens: server-sent events from a plain ASGI application.

A verb calls :func:`announce` after its commit. With ``REDIS_URL`` the event goes through one channel of Redis, to which
each live process holds one subscription however many readers it serves; without it, through a bus in the process. No
Django request, view or database query is spent on an event, and nobody hears of anything that is not public.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from comments import conf
from comments.breaker import Breaker

logger = logging.getLogger(__name__)

CHANNEL = "comments:live"
HEARTBEAT_SECONDS = 15
QUEUE = 100
"""Events a slow reader may be behind before the connection is ended; the browser comes back by itself."""

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_path = re.compile(r"/api/v1/discussions/(?P<key>.+)/events/?")
_breaker = Breaker(failures=2, seconds=10)
_redis: Any = None
_redis_lock = threading.Lock()


def announce(key: str, event: str, data: dict[str, Any]) -> None:
    """Tell everyone who has discussion ``key`` open. Best effort: never raises, never waits over half a second."""
    announce_many([(key, event, data)])


def announce_many(events: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
    """Announce each (key, event, data), in this order, in one round trip. As :func:`announce`."""
    messages = [json.dumps({"key": key, "event": event, "data": data}) for key, event, data in events]
    url = conf.get().redis_url
    if not url:
        for message in messages:
            hub.deliver(message)
        return
    if not messages or not _breaker.allows():
        return
    try:
        pipeline = _client(url).pipeline(transaction=False)
        for message in messages:
            pipeline.publish(CHANNEL, message)
        pipeline.execute()
    except Exception as error:
        _breaker.failed()
        logger.warning("%d events were not announced (%s); open pages will poll", len(events), type(error).__name__)
    else:
        _breaker.succeeded()


def _client(url: str) -> Any:
    global _redis
    with _redis_lock:
        if _redis is None or _redis[0] != url:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry

            _redis = (
                url,
                redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 0)),
            )
        return _redis[1]


class Hub:
    """Hands each event to the readers of its discussion. One per process; safe to call from any thread."""

    def __init__(self) -> None:
        self.readers: dict[str, set[asyncio.Queue[bytes | None]]] = {}
        self.count = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._subscription: asyncio.Task[None] | None = None

    def deliver(self, message: str) -> None:
        """Hand over one event from any thread; nothing happens while nobody listens."""
        loop = self._loop
        if loop is not None and not loop.is_closed() and self.readers:
            try:
                loop.call_soon_threadsafe(self._hand_out, message)
            except RuntimeError:
                logger.debug("the event loop ended while an event was handed over")

    def _hand_out(self, message: str) -> None:
        said = json.loads(message)
        lines = f"event: {said['event']}\ndata: {json.dumps(said['data'])}\n"
        if "version" in said["data"]:
            lines += f"id: {said['data']['version']}\n"
        frame = (lines + "\n").encode()
        for queue in list(self.readers.get(said["key"], ())):
            if queue.full():
                queue.get_nowait()
                queue.put_nowait(None)
            else:
                queue.put_nowait(frame)

    def join(self, key: str) -> asyncio.Queue[bytes | None]:
        self._loop = asyncio.get_running_loop()
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE)
        self.readers.setdefault(key, set()).add(queue)
        self.count += 1
        self._subscribe()
        return queue

    def leave(self, key: str, queue: asyncio.Queue[bytes | None]) -> None:
        queues = self.readers.get(key)
        if queues and queue in queues:
            queues.discard(queue)
            self.count -= 1
            if not queues:
                del self.readers[key]

    def _subscribe(self) -> None:
        """Keep one subscription of this process to Redis, as long as the process lives."""
        if conf.get().redis_url and (self._subscription is None or self._subscription.done()):
            self._subscription = asyncio.create_task(self._listen(conf.get().redis_url))

    async def _listen(self, url: str) -> None:
        import redis.asyncio

        pause = 0.5
        while True:
            try:
                async with (
                    redis.asyncio.Redis.from_url(
                        url, socket_timeout=None, socket_connect_timeout=2, health_check_interval=15
                    ) as client,
                    client.pubsub() as subscription,
                ):
                    await subscription.subscribe(CHANNEL)
                    pause = 0.5
                    while True:
                        got = await subscription.get_message(ignore_subscribe_messages=True, timeout=10)
                        if got and got["type"] == "message":
                            self._hand_out(got["data"].decode())
            except asyncio.CancelledError:
                raise
            except Exception as error:
                logger.warning("live events: Redis is away (%s)", type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 10)


hub = Hub()


def serves(path: str) -> bool:
    """Say whether ``path`` is a stream of live events."""
    return _path.fullmatch(path) is not None


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve ``/api/v1/discussions/{key}/events/`` and nothing else."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    if scope["type"] != "http":
        return
    match = _path.fullmatch(scope["path"])
    if match is None or scope["method"] not in ("GET", "HEAD"):
        await _answer(send, 404, b"Only live events are served here.")
    elif hub.count >= conf.get().streams_per_process:
        # 204 tells EventSource to stop; the page goes on by polling.
        await _answer(send, 204, b"")
    else:
        await _stream(match["key"], receive, send)


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(key: str, receive: Receive, send: Send) -> None:
    queue = hub.join(key)
    gone = asyncio.create_task(_until_gone(receive))
    gone.add_done_callback(lambda _task: _end(queue))
    try:
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            (b"x-content-type-options", b"nosniff"),
            (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"retry: 3000\n\n: hello\n\n", "more_body": True})
        while not gone.done():
            try:
                frame = await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
            except TimeoutError:
                frame = b": still here\n\n"
            if frame is None:
                break
            await send({"type": "http.response.body", "body": frame, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    except OSError:
        logger.debug("a reader of live events left")
    finally:
        hub.leave(key, queue)
        gone.cancel()


def _end(queue: asyncio.Queue[bytes | None]) -> None:
    if not queue.full():
        queue.put_nowait(None)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return

"""A real HTTP server on 127.0.0.1 that answers chat completions as a test scripts them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Script = Callable[[dict[str, Any], int], "Answer"]


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; `reply` becomes a chat completion, `raw` goes out as it is."""

    reply: str | None = None
    status: int = 200
    raw: bytes | None = None
    after: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()
    declared_length: int | None = None


@dataclass
class Seen:
    """What came in: bodies, keys, and how many requests were worked on at the same time."""

    base_url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def chat_server(script: Script) -> Iterator[Seen]:
    """Serves `script(body, tries of this prompt so far)` until the block ends."""
    seen = Seen()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with seen.lock:
                tries = sum(known["messages"] == body["messages"] for known in seen.bodies)
                seen.bodies.append(body)
                seen.keys.append(self.headers.get("Authorization"))
                seen.at_once += 1
                seen.most_at_once = max(seen.most_at_once, seen.at_once)
            answer = script(body, tries)
            time.sleep(answer.after)
            with seen.lock:
                seen.at_once -= 1
            content = answer.raw
            if content is None:
                content = json.dumps({"choices": [{"message": {"role": "assistant", "content": answer.reply}}]}).encode()
            try:
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(answer.declared_length or len(content)))
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            if answer.declared_length:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    seen.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

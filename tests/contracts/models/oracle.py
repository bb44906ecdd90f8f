"""A real HTTP endpoint on this machine that answers as it is told, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def completion(content: str) -> bytes:
    """An answer in the form of a chat completion."""
    return json.dumps(
        {"id": "1", "choices": [{"index": 0, "message": {"role": "assistant", "content": content}}]}
    ).encode()


def statements(*pairs: tuple[str, str]) -> bytes:
    """An answer with statements and their speakers."""
    return completion(json.dumps({"statements": [{"text": text, "speaker": who} for text, who in pairs]}))


class Oracle:
    """Listens until closed. ``answer`` makes the body for a report's text; the rest is how it is sent."""

    def __init__(self, answer: Callable[[str], bytes] | bytes = b"{}") -> None:
        self.answer, self.status, self.drip = answer, 200, 0.0
        self.headers: dict[str, str] = {}
        self.asked: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        oracle = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                oracle.asked.append(body)
                oracle.paths.append(self.path)
                oracle.keys.append(self.headers.get("Authorization"))
                report = json.loads(body["messages"][1]["content"])["report"]
                made = oracle.answer(report) if callable(oracle.answer) else oracle.answer
                self.send_response(oracle.status)
                for name, value in oracle.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(made)))
                self.end_headers()
                try:
                    for at in range(0, len(made), 1 if oracle.drip else len(made) or 1):
                        self.wfile.write(made[at : at + (1 if oracle.drip else len(made))])
                        if oracle.drip and oracle.ended.wait(oracle.drip):
                            break
                except OSError:
                    pass  # the other side has had enough

            def log_message(self, *_: object) -> None:
                pass

        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

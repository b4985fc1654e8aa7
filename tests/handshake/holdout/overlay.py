"""A real HTTP endpoint on loopback that fails as one row of the hold-out says.

Behind it stands the package's sound demo endpoint; what no rule of the row touches is passed on, streams as they come.
"""

from __future__ import annotations

import http.client
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from cab_check.demo.server import DemoServer, serve
from holdout.edits import edit_completion, edit_request
from holdout.matching import matches
from holdout.stream_edits import as_chunks, edit_bytes, edit_chunks

FILES = ("failures.jsonl", "second.jsonl")
DEMO_MODEL = "cab-check-demo"
NOT_FOUND = '{"detail":"Not Found"}'
"""What a route that is not there says, in place of the demo endpoint's own words."""
CREATED = 1_767_225_600
PASSED_ON = ("content-type", "cache-control", "allow")
"""Headers of the sound endpoint that go out as they are; its own name does not."""


def rows(file: str) -> list[dict[str, Any]]:
    """Every row of one of `FILES`, in its order."""
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


class Overlay:
    """The endpoint of one row, already listening on a free port of 127.0.0.1. A context manager."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.row = row
        self.model: str = row["model"]
        self.served: str = row.get("served", row["model"])
        self._sound = serve()
        self._server = _Server(self, self._sound)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __enter__(self) -> Overlay:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._sound.close()

    def rules(self, **told: Any) -> list[dict[str, Any]]:
        """The `then` of each rule that applies, up to and including the first that answers."""
        found = []
        for rule in self.row["wire"]:
            if matches(rule["when"], **told):
                found.append(rule["then"])
                if "edit" not in rule["then"]:
                    break
        return found

    def model_list(self) -> Any:
        """The model list as the server sends it: the row's `models`, or one entry with `owned_by` and `entry`."""
        if "models" in self.row:
            return self.row["models"]
        entry = {"id": self.served, "object": "model", "created": CREATED, "owned_by": self.row.get("owned_by", "user")}
        return {"object": "list", "data": [{**entry, **self.row.get("entry", {})}]}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, overlay: Overlay, sound: DemoServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.overlay = overlay
        self.sound = sound

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves early is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_OPTIONS(self) -> None:
        self._answer()

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = _json(raw)
        route = urlsplit(self.path).path.removeprefix("/v1")
        headers = {name.lower(): value for name, value in self.headers.items()}
        then = self.server.overlay.rules(method=self.command, route=route, body=body, headers=headers)
        edits = [item["edit"] for item in then if "edit" in item]
        last = then[-1] if then else {}
        if last.get("close"):
            self.close_connection = True
        elif "status" in last:
            self._send(last["status"], _filled(last.get("body", ""), self.server.overlay), last.get("headers", {}))
        elif self.command == "GET" and self.path in self.server.overlay.row.get("gets", {}):
            own = self.server.overlay.row["gets"][self.path]
            self._send(200, own["body"].encode(), own.get("headers", {}))
        elif route == "/models" and self.command in ("GET", "HEAD"):
            self._send(200, json.dumps(self.server.overlay.model_list()).encode(), {})
        else:
            self._pass_on(raw, body, edits)

    def _pass_on(self, raw: bytes, body: dict[str, Any], edits: list[dict[str, Any]]) -> None:
        overlay = self.server.overlay
        wanted = body.get("model")
        if wanted == overlay.served:
            body = {**body, "model": DEMO_MODEL}
        for edit in edits:
            body = edit_request(body, edit)
        asked = _renamed(body) if body else raw
        chat = urlsplit(self.path).path.endswith("/chat/completions")
        if not edits or not chat:
            self._relay(asked, edits)
            return
        streamed = bool(body.get("stream"))
        plain = {name: value for name, value in body.items() if name not in ("stream", "stream_options")}
        status, sent, headers = self._ask(_renamed(plain))
        done = _json(sent)
        if status != 200 or "choices" not in done:
            self._send(status, self._as_own(sent), headers)
            return
        done["model"] = wanted
        done.pop("system_fingerprint", None)
        for edit in edits:
            done = edit_completion(done, edit)
        if streamed:
            self._stream(done, body, edits)
            return
        for edit in edits:
            done = {**edit["wrap"]["with"], edit["wrap"]["in"]: done} if "wrap" in edit else done
        plain_bytes = json.dumps(done, ensure_ascii=False).encode()
        plain_bytes += "".join(edit.get("append", "") for edit in edits).encode()
        self._send(200, plain_bytes, _sent_headers(edits))

    def _stream(self, done: dict[str, Any], body: dict[str, Any], edits: list[dict[str, Any]]) -> None:
        usage = bool((body.get("stream_options") or {}).get("include_usage"))
        chunks = as_chunks(done, include_usage=usage)
        for edit in edits:
            chunks = edit_chunks(chunks, edit)
        sent = b"".join(b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n" for chunk in chunks)
        sent += b"data: [DONE]\n\n"
        for edit in edits:
            sent = edit_bytes(sent, edit)
        kind = {"Content-Type": "text/event-stream", **_sent_headers(edits)}
        self._head(200, kind, None)
        for event in sent.split(b"\n\n"):
            if event:
                self._piece(event + b"\n\n")
        self._piece(b"")

    def _relay(self, asked: bytes, edits: list[dict[str, Any]]) -> None:
        link, reply = self._open(asked)
        kept = {name: value for name, value in reply.getheaders() if name.lower() in PASSED_ON}
        kept.update(_sent_headers(edits))
        if not (reply.getheader("Content-Type") or "").startswith("text/event-stream"):
            sent = self._as_own(reply.read())
            missing = reply.status == 404 and b"unknown_url" in sent
            self._send(reply.status, NOT_FOUND.encode() if missing else sent, kept)
        elif edits:
            sent = reply.read()
            for edit in edits:
                sent = edit_bytes(sent, edit)
            self._head(reply.status, kept, None)
            self._piece(self._as_own(sent))
            self._piece(b"")
        else:
            self._head(reply.status, kept, None)
            while line := reply.readline():
                self._piece(self._as_own(line))
            self._piece(b"")
        link.close()

    def _ask(self, asked: bytes) -> tuple[int, bytes, dict[str, str]]:
        link, reply = self._open(asked)
        sent = reply.read()
        link.close()
        return reply.status, sent, {"Content-Type": reply.getheader("Content-Type") or "application/json"}

    def _open(self, asked: bytes) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        link = http.client.HTTPConnection("127.0.0.1", self.server.sound.port, timeout=30)
        link.request(self.command, self.path, body=asked or None, headers={"Content-Type": "application/json"})
        return link, link.getresponse()

    def _as_own(self, sent: bytes) -> bytes:
        sent = sent.replace(b'"system_fingerprint":"demo",', b"").replace(b',"system_fingerprint":"demo"', b"")
        return sent.replace(DEMO_MODEL.encode(), self.server.overlay.served.encode())

    def _send(self, status: int, sent: bytes, headers: dict[str, str]) -> None:
        self._head(status, {"Content-Type": "application/json", **headers}, len(sent))
        if self.command != "HEAD":
            self.wfile.write(sent)

    def _head(self, status: int, headers: dict[str, str], length: int | None) -> None:
        own = {name.title(): value for name, value in self.server.overlay.row.get("headers", {}).items()}
        own.update({name.title(): value for name, value in headers.items()})
        own["Date"] = self.date_time_string(time.time())
        own["Content-Length" if length is not None else "Transfer-Encoding"] = (
            str(length) if length is not None else "chunked"
        )
        self.send_response_only(status)
        for name, value in own.items():
            self.send_header(name, value)
        self.end_headers()

    def _piece(self, sent: bytes) -> None:
        self.wfile.write(f"{len(sent):x}\r\n".encode() + sent + b"\r\n")
        self.wfile.flush()


def _json(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _renamed(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def _filled(text: str, overlay: Overlay) -> bytes:
    """A body of a row; `{model}` and `{served}` stand for the ids."""
    return text.replace("{model}", overlay.model).replace("{served}", overlay.served).encode()


def _sent_headers(edits: list[dict[str, Any]]) -> dict[str, str]:
    return {name: value for edit in edits for name, value in edit.get("headers", {}).items()}

"""What real servers and gateways do differently around completions without harm: routes, lists, names, HTTP itself."""

from __future__ import annotations

import json

from sound_changes import (
    Variation,
    drop,
)
from sound_routes import (
    answered,
    busy,
    delivered,
    headed,
    is_list,
    listed,
    many_models,
    once,
    renamed,
    slashed,
    status,
    typed,
    under,
)
from sound_streams import (
    marked,
    rewriting,
)
from sound_wire import Style

from cab_check.demo.faults.parts import PAGE, error, written
from cab_check.demo.http import Delivery, HttpReply

NOT_ALLOWED = HttpReply(403, {"detail": "Not allowed"})
V = Variation

ROUTES = (
    V("no-list-but-a-page-with-200", "list", answered("/models", written(200, PAGE, "text/html"))),
    V("no-list-but-a-crash", "list", answered("/models", error(500, "internal error"))),
    V("no-list-and-no-words", "list", answered("/models", HttpReply(404, body=b""))),
    V("a-list-of-another-api", "list", answered("/models", HttpReply(200, {"result": {"items": []}, "success": True}))),
    V("a-list-that-never-comes", "list", answered("/models", HttpReply(200, delivery=Delivery(wait_s=2.5)))),
    V("no-list-without-a-key-of-another-kind", "list", answered("/models", error(401, "Use an admin key."))),
    V(
        "a-rate-limit-on-the-list",
        "busy",
        fresh=once(HttpReply(429, {"error": {"message": "slow down"}}, headers=(("Retry-After", "1"),)), is_list),
    ),
    V("slashes-at-the-end-of-routes", "path", slashed()[1], slashed()[0]),
    V("responses-api-without-words", "responses", answered("/responses", HttpReply(404, body=b""))),
    V("responses-api-not-for-this-key", "responses", answered("/responses", error(403, "not allowed"))),
    V("responses-api-crashes", "responses", answered("/responses", error(500, "internal error"))),
    V("messages-api-with-another-key", "messages", answered("/messages", error(401, "invalid x-api-key"))),
    V("four-hundred-models", "list", listed(many_models)),
    V("a-list-without-object", "list", listed(drop("object"))),
    V("a-bare-list", "list", listed(lambda value: value["data"])),
    V("a-list-under-models-too", "list", listed(lambda value: {"models": [{"name": "x", "model": "x"}], **value})),
    V(
        "a-list-of-many-kinds",
        "list",
        listed(
            lambda value: {
                **value,
                "has_more": False,
                "data": [
                    {"id": "text-embedding-3", "object": "model"},
                    {"id": "whisper", "meta": None},
                    *value["data"],
                ],
            }
        ),
    ),
    V("a-list-that-is-empty", "list", listed(lambda value: {"object": "list", "data": []})),
    V("no-list-of-models", "list", answered("/models", HttpReply(404, {"detail": "Not Found"}))),
    V("no-list-but-a-page", "list", answered("/models", written(404, PAGE, "text/html"))),
    V("no-list-for-this-key", "list", answered("/models", NOT_ALLOWED)),
    V("no-list-by-method", "list", answered("/models", HttpReply(405, {"detail": "Method Not Allowed"}))),
    V("no-responses-api", "responses", answered("/responses", HttpReply(404, {"detail": "Not Found"}))),
    V("a-page-instead-of-the-responses-api", "responses", answered("/responses", written(404, PAGE, "text/html"))),
    V("no-messages-api", "messages", answered("/messages", HttpReply(404, {"detail": "Not Found"}))),
    V("messages-api-not-implemented", "messages", answered("/messages", error(501, "not implemented"))),
    V("messages-api-by-method", "messages", answered("/messages", HttpReply(405, {"detail": "Method Not Allowed"}))),
    renamed("a-model-id-with-slashes-and-colons", "@cf/vendor/some-model:free@2025.1"),
    renamed("a-model-that-is-a-file", "/models/some-model-7b.Q4_K_M.gguf"),
    renamed("an-alias", "some-model", "some-model-2025-11-20"),
    renamed("latest", "some-model-latest", "some-model-2511"),
    under("a-long-base-path", "/gateway/llm/v3/accounts/7f3a/openai/deployments/some-model/v1"),
    under("a-base-path-without-a-version", "/api/openai"),
    V("a-rate-limit-once", "busy", fresh=busy(("Retry-After", "1"))),
    V("a-rate-limit-once-in-milliseconds", "busy", fresh=busy(("retry-after-ms", "80"))),
)

HTTP = (
    V("status-201", "status", status(201)),
    V("no-content-type-on-documents", "json-type", typed("", stream=False)),
    V("a-byte-order-mark", "role", rewriting(marked)),
    V("one-byte-packets", "split", style=Style(split=lambda parts: [bytes([byte]) for part in parts for byte in part])),
    V(
        "packets-of-seven-bytes",
        "split",
        style=Style(
            split=lambda parts: [data[at : at + 7] for data in [b"".join(parts)] for at in range(0, len(data), 7)]
        ),
    ),
    V("all-in-one-packet", "split", style=Style(split=lambda parts: [b"".join(parts)])),
    V("gzip", "coding", style=Style(coding="gzip")),
    V("deflate", "coding", style=Style(coding="deflate")),
    V("documents-chunked", "framing", style=Style(chunked="always")),
    V("bodies-ended-by-the-connection", "framing", style=Style(chunked="never", close="told")),
    V(
        "http-1.0",
        "framing",
        style=Style(chunked="never", close="told", head=lambda top: top.replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
    ),
    V("closed-after-each-reply", "close", style=Style(close="told")),
    V("closed-untold-after-each-reply", "close", style=Style(close="untold")),
    V("chunk-extensions", "chunk", style=Style(chunk=lambda piece: piece.replace(b"\r\n", b";ext=1\r\n", 1))),
    V("trailers", "last", style=Style(last=b"0\r\nServer-Timing: total;dur=12\r\nX-Checksum: 9f\r\n\r\n")),
    V(
        "lower-case-headers",
        "head",
        style=Style(
            head=lambda top: b"\r\n".join(
                line if n == 0 else line.partition(b":")[0].lower() + b":" + line.partition(b":")[2] if line else line
                for n, line in enumerate(top.split(b"\r\n"))
            )
        ),
    ),
    V(
        "upper-case-headers",
        "head",
        style=Style(
            head=lambda top: b"\r\n".join(
                line if n == 0 else line.partition(b":")[0].upper() + b":" + line.partition(b":")[2] if line else line
                for n, line in enumerate(top.split(b"\r\n"))
            )
        ),
    ),
    V("no-reason-phrase", "head", style=Style(head=lambda top: top.replace(b" 200 OK\r\n", b" 200 \r\n", 1))),
    V("early-hints", "interim", style=Style(interim=b"HTTP/1.1 103 Early Hints\r\nLink: </>; rel=preload\r\n\r\n")),
    V("stream-type-without-charset", "stream-type", typed("text/event-stream", stream=True)),
    V("stream-type-in-capitals", "stream-type", typed("Text/Event-Stream;Charset=UTF-8", stream=True)),
    V("json-with-a-charset", "json-type", typed("application/json; charset=utf-8", stream=False)),
    V("json-as-plain-text", "json-type", typed("text/plain; charset=utf-8", stream=False)),
    V("blanks-before-the-document", "document", rewriting(lambda body: b"\n \n \n" + body, streams=False)),
    V(
        "an-indented-document",
        "document",
        rewriting(lambda body: json.dumps(json.loads(body), indent=2).encode() + b"\n", streams=False),
    ),
    V(
        "headers-of-a-cdn",
        "headers",
        headed(
            ("Server", "cloudflare"),
            ("CF-RAY", "8c1-FRA"),
            ("Alt-Svc", 'h3=":443"'),
            ("Set-Cookie", "__cf_bm=x; path=/"),
            ("Set-Cookie", "_cfuvid=y; path=/"),
        ),
    ),
    V(
        "headers-of-a-rate-limiter",
        "headers",
        headed(
            ("x-ratelimit-limit-requests", "60"),
            ("x-request-id", "r-1"),
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "1s"),
        ),
    ),
    V("a-slow-first-token", "slow", delivered(first_s=0.3)),
    V("a-slow-head", "slow", delivered(wait_s=0.3)),
)

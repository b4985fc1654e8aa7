"""Gateways that nobody here wrote, started in front of the demo endpoint: nginx, haproxy, a LiteLLM proxy.

A configuration is text with marks: @port@ (where it listens), @tls@ (a second port), @demo@ (host:port of the demo
endpoint), @dir@ (its scratch folder), @crt@ and @key@ (a certificate for 127.0.0.1), @ca@ (the authority of its
own that signed it), @cab@ (the demo's key), @dead@ (a port where nobody listens).
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

WAIT_S = 120.0

_NGINX = """daemon off; user root; worker_processes 1; pid @dir@/pid; error_log @dir@/error.log;
events {}
http {
  access_log @dir@/access.log; client_body_temp_path @dir@/body; proxy_temp_path @dir@/proxy;
  fastcgi_temp_path @dir@/f; uwsgi_temp_path @dir@/u; scgi_temp_path @dir@/s;
@conf@
}
"""
_HAPROXY = """global
  maxconn 100
defaults
  mode http
  timeout connect 5s
  timeout client 60s
@conf@
"""
_AROUND = {"nginx": _NGINX, "haproxy": _HAPROXY, "litellm": "@conf@"}


class Missing(Exception):
    """That gateway is not on this machine."""


def command(gateway: str, conf: Path, port: int) -> list[str]:
    """How it is started. Raises Missing."""
    if gateway == "litellm":
        program = os.environ.get("CAB_LITELLM") or shutil.which("litellm")
    else:
        program = shutil.which(gateway, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if program is None:
        raise Missing(f"{gateway} is not installed")
    if gateway == "nginx":
        return [program, "-e", str(conf.parent / "error.log"), "-c", str(conf)]
    if gateway == "haproxy":
        return [program, "-db", "-q", "-f", str(conf)]
    return [program, "--config", str(conf), "--port", str(port), "--host", "127.0.0.1"]


def certificate(folder: Path) -> Mapping[str, str]:
    """A certificate for 127.0.0.1, and the authority of its own that signs it: rustls takes no other kind."""
    ca, ca_key, crt, key, asked, names = (
        folder / f"{name}.pem" for name in ("ca", "cakey", "crt", "key", "csr", "ext")
    )
    names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n")
    new = ["-newkey", "rsa:2048", "-nodes"]
    for words in (
        ["req", "-x509", *new, "-days", "2", "-subj", "/CN=An authority", "-keyout", str(ca_key), "-out", str(ca)],
        ["req", *new, "-subj", "/CN=127.0.0.1", "-keyout", str(key), "-out", str(asked)],
        ["x509", "-req", "-in", str(asked), "-CA", str(ca), "-CAkey", str(ca_key), "-CAcreateserial", "-days", "2",
         "-extfile", str(names), "-out", str(crt)],
    ):  # fmt: skip
        subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60)
    return {"ca": str(ca), "crt": str(crt), "key": str(key)}


def marked(text: str, marks: Mapping[str, str]) -> str:
    """`text` with every mark filled."""
    for name, value in marks.items():
        text = text.replace(f"@{name}@", value)
    return text


@contextmanager
def gateway(name: str, conf: str, marks: Mapping[str, str], log: Path) -> Iterator[None]:
    """That gateway with that configuration, answering on its port; ended afterwards. Raises Missing."""
    if not name:
        yield
        return
    file = Path(marks["dir"]) / f"{name}.conf"
    file.write_text(marked(_AROUND[name].replace("@conf@", conf), marks))
    with log.open("ab") as out:
        process = subprocess.Popen(
            command(name, file, int(marks["port"])), stdout=out, stderr=out, start_new_session=True
        )
        try:
            _await(process, int(marks["port"]), log)
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the gateway ended with {process.returncode}: {log.read_text()[-600:]}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"the gateway does not listen: {log.read_text()[-600:]}")


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

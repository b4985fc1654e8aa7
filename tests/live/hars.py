"""The HAR of a run, and what other programs make of the same conversation, judged again: the findings must be the same.

    python tests/live/hars.py [--mitmdump PATH] [--faults NAME ...]

For every named fault (and the sound endpoint) this makes a real handshake with the demo endpoint, saves the run's HAR
and judges it again: that must give the same findings to the byte. Then it writes the conversation down as browsers,
proxies and scripts do (tests/handshake/har_dialects.py) and judges that. A fault that shows only in a fact that such
recordings lack must be found there by no other name than its own, or not at all.

With `--mitmdump`, a real mitmproxy (from PyPI, in an environment of its own) stands between as a reverse proxy on
loopback for a dozen of the faults, and the HAR that it saves is judged. Exit code 1 if anything differs. Not part of
the suite: it takes a minute or two. Nothing leaves this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "handshake"))

from faulty_endpoint import record, serving, sound
from handshake_faults import setting_of
from har_dialects import DIALECTS, Document
from har_same import LACKING, live_recording, told

from cab_check.demo.faults.table import FAULTS
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import plan_of
from cab_check.handshake.result import Handshake
from cab_check.wire import har

PROXIED = 12
"""How many faults are looked at through the real proxy."""


def diagnosed(document: Document) -> Handshake:
    """The judgement of a HAR document, through JSON as from a file."""
    recording = har.from_har(json.loads(json.dumps(document)))
    return judge(recording, plan_of(recording))


def differences(name: str | None) -> list[str]:
    """How the findings of the saved run and of the dialects differ from those of the run."""
    recording, plan = live_recording(name)
    live = judge(recording, plan)
    wrong = [] if diagnosed(har.to_har(recording)).findings == live.findings else ["its own HAR"]
    known = {finding.code for finding in live.findings}
    for dialect, write in DIALECTS.items():
        there = diagnosed(write(recording))
        same = told(there) == told(live)
        if not (same or (name in LACKING and {finding.code for finding in there.findings} <= known)):
            wrong.append(_differs(dialect, there, live))
    return wrong


def through_proxy(mitmdump: str, name: str | None) -> list[str]:
    """How the findings of mitmproxy's HAR differ from those of the run that went through it."""
    setting = setting_of(name) if name else {}
    path = setting.pop("path", "/v1")
    with tempfile.TemporaryDirectory() as folder, serving(FAULTS[name] if name else sound) as server:
        file, port = Path(folder) / "flows.har", _free_port()
        way = ("--mode", f"reverse:http://127.0.0.1:{server.port}", "--listen-host", "127.0.0.1", "-p", str(port))
        proxy = subprocess.Popen([mitmdump, "-q", *way, "--set", f"hardump={file}", "--set", f"confdir={folder}"])
        try:
            _wait_for(port)
            recording, plan = asyncio.run(record(f"http://127.0.0.1:{port}{path}", **setting))
        finally:
            proxy.terminate()
            proxy.wait(20)
        there, live = diagnosed(json.loads(file.read_bytes())), judge(recording, plan)
    if told(there) == told(live):
        return []
    return [_differs("mitmproxy", there, live)]


def _differs(who: str, there: Handshake, live: Handshake) -> str:
    told_there, told_live = (", ".join(finding.key for finding in judged.findings) for judged in (there, live))
    return f"{who}: {told_there}, not {told_live}"


def _free_port() -> int:
    with socket.socket() as spot:
        spot.bind(("127.0.0.1", 0))
        return int(spot.getsockname()[1])


def _wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def run(names: Sequence[str | None], mitmdump: str | None) -> int:
    """One line per endpoint; 1 if anything differs."""
    differ = 0
    proxied = set(list(names)[:: max(1, len(names) // PROXIED)]) - set(LACKING) if mitmdump else set()
    for name in names:
        wrong = differences(name)
        if mitmdump and name in proxied:
            wrong += through_proxy(mitmdump, name)
        differ += bool(wrong)
        by_proxy = ", by mitmproxy too" if name in proxied else ""
        print(f"{'DIFFER' if wrong else 'same  '} {name or 'sound'}{by_proxy}", *wrong, sep="\n         ", flush=True)
    print(f"{len(names) - differ} of {len(names)} give the same findings from every HAR")
    print(f"{len(proxied)} were recorded by mitmproxy too")
    return int(differ > 0)


def main() -> int:
    """Exit code 1 if a HAR gives other findings than the run it is of."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mitmdump", help="path of mitmproxy's mitmdump")
    parser.add_argument("--faults", nargs="+", choices=list(FAULTS), default=list(FAULTS), metavar="NAME")
    options = parser.parse_args()
    return run([None, *options.faults], options.mitmdump)


if __name__ == "__main__":
    sys.exit(main())

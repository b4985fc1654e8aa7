"""Searches for a key wherever a program can look, and prints {place: found | not found}; sent as text to run inside.

It knows only what a key looks like, and is written so that it does not look like one itself.
"""

import json
import os
import re

KEY = re.compile(rb"cabkey-[0-9a-f]{24}")
SYSTEM = ("/proc", "/sys", "/usr", "/lib", "/lib64", "/bin", "/sbin", "/dev", "/nix", "/opt", "/snap", "/boot")
MOST_FILES, MOST_BYTES = 20_000, 1 << 20


def read(path, most=MOST_BYTES):
    """The beginning of a file, or nothing where it cannot be had."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return os.read(handle, most)
    except OSError:
        return b""
    finally:
        os.close(handle)


def listed(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def others():
    """Processes in view, those nearest above first: without walls there may be very many."""
    above, pid = [], os.getppid()
    while pid > 1:
        above.append(str(pid))
        pid = int((read(f"/proc/{pid}/stat").rpartition(b")")[2].split() or [0, 0])[1])
    return [*above, *(name for name in listed("/proc") if name.isdigit() and name not in (*above, str(os.getpid())))]


def in_memory(pid):
    try:
        maps, memory = open(f"/proc/{pid}/maps"), os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    except OSError:
        return False
    with maps:
        for line in maps:
            place, rights = line.split()[:2]
            start, end = (int(part, 16) for part in place.split("-"))
            if rights.startswith("rw") and end - start < 64 << 20 and "[v" not in line:
                try:
                    if KEY.search(os.pread(memory, end - start, start)):
                        return True
                except OSError:
                    continue
    return False


def files():
    """Files of people and jobs: everything that is not the system's, the user's own folders first."""
    seen = 0
    for top in (os.path.expanduser("~"), os.environ.get("SEARCH_FIRST") or "/work", "/home", "/root", "/tmp", "/"):
        for parent, folders, names in os.walk(top):
            folders[:] = [] if parent.startswith(SYSTEM) or parent.count("/") > 30 else folders
            for name in names:
                seen += 1
                if seen > MOST_FILES:
                    return
                yield os.path.join(parent, name)


def own_descriptors():
    for number in range(256):
        try:
            yield os.pread(number, MOST_BYTES, 0)
        except OSError:
            continue


PLACES = {
    "own environment": lambda: any(KEY.search(os.fsencode(value)) for value in os.environ.values()),
    "environments": lambda: any(KEY.search(read(f"/proc/{pid}/environ")) for pid in others()),
    "arguments": lambda: any(KEY.search(read(f"/proc/{pid}/cmdline")) for pid in others()),
    "memory": lambda: any(in_memory(pid) for pid in others()),
    "own descriptors": lambda: any(KEY.search(data) for data in own_descriptors()),
    "descriptors": lambda: any(
        KEY.search(read(f"/proc/{pid}/fd/{name}")) for pid in others() for name in listed(f"/proc/{pid}/fd")
    ),
    "files": lambda: any(KEY.search(read(path)) for path in files()),
}
print("places: " + json.dumps({place: "found" if look() else "not found" for place, look in PLACES.items()}))

"""Attempts to find the key that the process outside holds: in its environment, arguments, memory, files, descriptors.

The facts hold the digest of the key alone, so a key that is found was not told.
"""

import os

from sandbox_attempt import is_key, probe, slurp

MOST_BYTES = 300 << 20


def pids():
    return [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def search(paths, told):
    """Whether one of these files has the key; OSError if none could be read."""
    refused = None
    for path in paths:
        try:
            if is_key(slurp(path), told):
                return True
        except OSError as failure:
            refused = failure
    if refused:
        raise refused
    return False


@probe
def key_in_own_environment(t):
    return any(is_key(os.fsencode(value), t) for value in os.environ.values())


@probe
def key_in_first_environment(t):
    return is_key(slurp("/proc/self/environ"), t)


@probe
def key_in_any_environment(t):
    return search([f"/proc/{pid}/environ" for pid in pids()], t)


@probe
def key_in_any_arguments(t):
    return search([f"/proc/{pid}/cmdline" for pid in pids()], t)


@probe
def key_in_holders_environment(t):
    return is_key(slurp(f"/proc/{t['holder']}/environ"), t)


@probe
def key_in_parents_environment(t):
    return is_key(slurp(f"/proc/{os.getppid()}/environ"), t) or is_key(slurp(f"/proc/{t['holder']}/environ"), t)


@probe
def key_in_holders_memory(t):
    return memory_has_key(t["holder"], t)


@probe
def key_in_any_memory(t):
    refused = None
    for pid in sorted(pids(), key=str(t["holder"]).__ne__):  # without walls there may be large programs
        try:
            if memory_has_key(pid, t):
                return True
        except OSError as failure:
            refused = failure
    if refused:
        raise refused
    return False


def memory_has_key(pid, told):
    """Whether the writable memory of a process has the key. Raises OSError where it cannot be opened."""
    seen = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            place, rights = line.split()[:2]
            start, end = (int(part, 16) for part in place.split("-"))
            if not rights.startswith("rw") or seen > MOST_BYTES or "[v" in line:
                continue
            memory.seek(start)
            seen += end - start
            try:
                if is_key(memory.read(end - start), told):
                    return True
            except OSError:  # a page that nobody ever touched
                continue
    return False


@probe
def key_in_holders_descriptors(t):
    folder = f"/proc/{t['holder']}/fd"
    for name in os.listdir(folder):
        path = os.readlink(f"{folder}/{name}")
        if os.path.isfile(path) and is_key(slurp(f"{folder}/{name}"), t):
            return True
    return False


@probe
def key_in_own_descriptors(t):
    for handle in t["descriptors"]:
        try:
            if is_key(os.pread(handle, 1000, 0), t):
                return True
        except OSError:
            continue
    return False


@probe
def inherited_descriptors(t):
    return bool(t["descriptors"])


@probe
def key_file(t):
    return is_key(slurp(t["key_file"]), t)


@probe
def key_file_of_holder(t):
    """By the name of the file as the arguments of the process have it."""
    words = slurp(f"/proc/{t['holder']}/cmdline").split(b"\0")
    return any(is_key(slurp(word), t) for word in words if word.startswith(b"/") and os.path.isfile(word))


@probe
def key_in_files_in_view(t):
    """Every file that can be read below the places where users and jobs keep theirs."""
    for top in (t["outside"], os.getcwd(), os.environ.get("TMPDIR") or "/tmp", os.path.expanduser("~")):
        for parent, folders, files in os.walk(top):
            folders[:] = [name for name in folders if not name.startswith((".venv", ".git"))][:200]
            if parent.count("/") > 30:
                folders.clear()
            for name in files[:2000]:
                path = os.path.join(parent, name)
                try:
                    if os.path.isfile(path) and os.path.getsize(path) < 1 << 16 and is_key(slurp(path), t):
                        return True
                except OSError:
                    continue
    return False

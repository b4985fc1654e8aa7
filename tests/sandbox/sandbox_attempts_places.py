"""Attempts on places of the machine: the system, shared folders, other jobs, and cab-check's own files."""

import os
import sys

from sandbox_attempt import probe, slurp


@probe
def write_shared_memory_folder(t):
    with open(f"/dev/shm/{t['token']}", "w") as file:
        file.write("x")
    return True  # judged by the host: its own /dev/shm must not have it


@probe
def write_host_tmp(t):
    with open(f"/tmp/{t['token']}", "w") as file:
        file.write("x")
    return True  # judged by the host: its own /tmp must not have it


@probe
def find_package_by_walking(t):
    seen = set()
    for parent, folders, _ in os.walk(t["walk_from"]):
        folders[:] = [name for name in folders if os.path.join(parent, name) not in ("/proc", "/sys")]
        if parent.count("/") > 30:  # another test's tree without end
            folders.clear()
        seen |= {os.path.join(parent, name) for name in folders if name == "cab_check"}
    return any(os.access(path + "/__init__.py", os.R_OK) for path in seen)


@probe
def read_package(t):
    return b"cab" in slurp(t["package"] + "/__init__.py")


@probe
def import_package(t):
    sys.path += [os.path.dirname(t["package"])]
    try:
        import cab_check
    except ImportError:
        return False
    return bool(cab_check)


@probe
def list_other_jobs(t):
    return os.path.basename(t["scratch_of_home"]) in os.listdir(os.path.dirname(t["scratch_of_home"]))


@probe
def write_beside_work(t):
    with open("../" + t["token"], "w") as file:
        file.write("x")
    return True  # not judged by the host: another job may have cleaned up already


@probe
def write_package(t):
    with open(f"{t['package']}/{t['token']}", "w") as file:
        file.write("x")
    return True  # judged by the host


@probe
def read_shared_memory_of_others(t):
    return t["token"].encode() in slurp(t["posix_shm"])


@probe
def read_system_settings(t):
    return bool(os.listdir("/sys/class"))


@probe
def read_run(t):
    return any(name not in ("shm",) for name in os.listdir("/run"))


@probe
def read_var(t):
    return bool(os.listdir("/var/lib"))


@probe
def read_host_name_file(t):
    return bool(slurp("/etc/hostname"))


@probe
def read_shadow(t):
    return bool(slurp("/etc/shadow"))

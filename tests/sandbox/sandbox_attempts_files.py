"""Attempts on files: reading, writing, names, and what is left behind."""

# plain calls on purpose: nothing but the standard library is there
# ruff: noqa: PTH101, PTH102, PTH104, PTH108, PTH116, PTH118, PTH120, PTH123, PTH208, PTH211

import os
import sys

from sandbox_attempt import probe, slurp


@probe
def read_private_file(t):
    return t["token"].encode() in slurp(t["secret"])


@probe
def list_private_folder(t):
    return "secret" in os.listdir(t["home"])


@probe
def stat_private_file(t):
    return os.stat(t["secret"]).st_size > 0


@probe
def read_through_symlink(t):
    os.symlink(t["secret"], "link-to-secret")
    return bool(slurp("link-to-secret"))


@probe
def read_through_proc_root(t):
    return bool(slurp(f"/proc/self/root{t['secret']}"))


@probe
def read_through_victims_root(t):
    return bool(slurp(f"/proc/{t['victim']}/root{t['secret']}"))


@probe
def read_through_victims_cwd(t):
    return bool(slurp(f"/proc/{t['victim']}/cwd/secret"))


@probe
def read_by_dotdot(t):
    return bool(slurp("../" * 40 + t["secret"]))


@probe
def read_by_openat_walk(t):
    here = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    for part in t["secret"].strip("/").split("/"):
        here = os.open(part, os.O_RDONLY, dir_fd=here)
    return bool(os.read(here, 10))


@probe
def hard_link_in(t):
    os.link(t["secret"], "linked")
    return True


@probe
def rename_in(t):
    os.rename(t["movable"], "moved-in")
    return True


@probe
def write_outside(t):
    with open(t["home"] + "/written", "w") as file:
        file.write("x")
    return True


@probe
def append_outside(t):
    with open(t["appendable"], "a") as file:
        file.write("x")
    return True


@probe
def truncate_outside(t):
    os.truncate(t["truncatable"], 0)
    return True


@probe
def open_truncating_outside(t):
    os.open(t["emptiable"], os.O_RDONLY | os.O_TRUNC)
    return True


@probe
def unlink_outside(t):
    os.unlink(t["removable"])
    return True


@probe
def rename_out(t):
    with open("to-move", "w"):
        pass
    os.rename("to-move", t["home"] + "/moved-out")
    return True


@probe
def write_through_symlink(t):
    os.symlink(t["home"] + "/through", "link-out")
    with open("link-out", "w") as file:
        file.write("x")
    return True


@probe
def make_folder_outside(t):
    os.mkdir(t["home"] + "/made")
    return True


@probe
def chmod_outside(t):
    os.chmod(t["chmodable"], 0o777)
    return True


@probe
def utime_outside(t):
    os.utime(t["chmodable"], (1, 1))
    return True


@probe
def setxattr_outside(t):
    os.setxattr(t["chmodable"], "user.cab", b"x")
    return True


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
def leave_setuid(t):
    with open("setuid", "w"):
        pass
    os.chmod("setuid", 0o4755)
    return os.stat("setuid").st_mode & 0o4000 != 0


@probe
def create_setgid(t):
    os.close(os.open("setgid", os.O_CREAT | os.O_WRONLY, 0o2755))
    return os.stat("setgid").st_mode & 0o2000 != 0


@probe
def find_package_by_walking(t):
    seen = set()
    for parent, folders, _ in os.walk(t["walk_from"]):
        folders[:] = [name for name in folders if os.path.join(parent, name) not in ("/proc", "/sys")]
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

"""Attempts on files of the user: reading, writing, names, and facts about them."""

import ctypes
import fcntl
import os
import struct
import subprocess

from sandbox_attempt import LIBC, checked, probe, raw, slurp

AT_FDCWD, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH = -100, 0x400, 0x1000


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
def read_after_chdir(t):
    os.chdir(t["home"])
    return bool(slurp("secret"))


@probe
def read_through_path_descriptor(t):
    handle = os.open(t["secret"], os.O_PATH)
    return bool(slurp(f"/proc/self/fd/{handle}"))


@probe
def hard_link_from_path_descriptor(t):
    handle = os.open(t["secret"], os.O_PATH)
    checked(LIBC.linkat(AT_FDCWD, f"/proc/self/fd/{handle}".encode(), AT_FDCWD, b"linked-2", AT_SYMLINK_FOLLOW))
    return bool(slurp("linked-2"))


@probe
def read_link_outside(t):
    return bool(os.readlink(t["link"]))


@probe
def read_attribute_outside(t):
    return bool(os.getxattr(t["marked"], "user.cab"))


@probe
def owner_outside(t):
    os.chown(t["chmodable"], os.getuid(), os.getgid())
    return True


@probe
def flags_outside(t):
    handle = os.open(t["chmodable"], os.O_RDONLY)
    no_dump, set_flags = 0x40, 0x40086602
    fcntl.ioctl(handle, set_flags, struct.pack("l", no_dump))
    return True


@probe
def watch_outside(t):
    """inotify: which of the user's files are opened, by name."""
    handle = checked(LIBC.inotify_init1(0))
    return checked(LIBC.inotify_add_watch(handle, os.fsencode(t["home"]), 0xFFF)) > 0


@probe
def watch_everything(t):
    report_names, all_opens = 0x00000C00, 0x20
    handle = raw(300, 262, report_names, 0)
    return checked(LIBC.fanotify_mark(handle, 1, ctypes.c_ulong(all_opens), AT_FDCWD, os.fsencode(t["home"]))) == 0


@probe
def handle_outside(t):
    """A file handle of a private file; opening by it needs a right that an ordinary user has not."""
    struct_handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
    raw(303, 264, AT_FDCWD, os.fsencode(t["secret"]), struct_handle, ctypes.create_string_buffer(4), 0)
    return True


@probe
def execute_outside(t):
    return t["token"].encode() in subprocess.run([t["tool"]], capture_output=True).stdout


@probe
def execute_outside_by_loader(t):
    loader = next(path for path in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.access(path, 1))
    return subprocess.run([loader, t["elf"]], capture_output=True).returncode == 0


@probe
def exchange_outside(t):
    with open("mine", "w"):
        pass
    exchange = 2
    return checked(LIBC.renameat2(AT_FDCWD, b"mine", AT_FDCWD, os.fsencode(t["exchangeable"]), exchange)) == 0


@probe
def nameless_file_outside(t):
    return os.open(t["home"], os.O_TMPFILE | os.O_RDWR) >= 0


@probe
def pipe_outside(t):
    os.mkfifo(t["home"] + "/made-pipe")
    return True


@probe
def link_outside(t):
    os.symlink("anything", t["home"] + "/made-link")
    return True


@probe
def remove_folder_outside(t):
    os.rmdir(t["emptied"])
    return True


@probe
def write_to_pipe_outside(t):
    handle = os.open(t["pipe"], os.O_WRONLY | os.O_NONBLOCK)
    return os.write(handle, b"x") == 1


@probe
def lock_outside(t):
    handle = os.open(t["chmodable"], os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True

"""Calls the solution once and says on stderr what came back: `probe.py ID`, run with `python3 -I -S -B`.

A probe does not know the right answer: whoever grades compares with answers.tsv, so that nothing that runs in this
process can pass by reading or by claiming.
"""

import importlib
import json
import os
import sys
import tempfile
import traceback
from pathlib import Path


def reads_names_and_values(settings):
    return outcome(settings.read_settings, file("# to listen on\n\nhost = example.org\nport=8080\n  note = a = b \n"))


def missing_file_means_no_settings(settings):
    return outcome(settings.read_settings, "nowhere.conf"), outcome(settings.read_settings, "no/folder/here.conf")


def bad_line_reports_path_and_line(settings):
    late = file("host = a\n\n# port = 1\nport 8080\nname = b\n", "late.conf")
    first = file("nothing\n", "first.conf")
    return [outcome(settings.read_settings, path, show=("path", "line")) for path in (late, first)]


def unreadable_file_keeps_its_cause(settings):
    Path("folder.conf").mkdir()
    Path("latin.conf").write_bytes(b"name = caf\xe9\n")
    paths = "folder.conf", "latin.conf", "first.conf/inner.conf"
    file("a = b\n", "first.conf")
    return [outcome(settings.read_settings, path, show=("path", "cause")) for path in paths]


def interrupt_is_not_swallowed(settings):
    class Interrupted:
        def __fspath__(self):
            raise KeyboardInterrupt

    return outcome(settings.read_settings, Interrupted())


def bad_number_is_not_the_default(settings):
    values = {"port": "8080", "low": "-3", "words": "many", "empty": "", "half": "1.5"}
    shown = [outcome(settings.number, values, name, 7, show=("cause", name)) for name in values]
    return [*shown, outcome(settings.number, values, "unset", 7), outcome(settings.number, {}, "unset", None)]


def canary(settings):
    """Must fail. Where it ends as if it had passed, this process is no longer under the control of the tests."""
    settings.number({"port": "1"}, "port", 2)
    raise AssertionError("the canary fails, as it must")


def file(text, name="service.conf"):
    Path(name).write_text(text, encoding="utf-8")
    return name


def outcome(call, *arguments, show=()):
    """What a call came to: the value it returned, or the error it raised with those of its facts that `show` names."""
    try:
        return call(*arguments)
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt):
            traceback.print_exc()
        return {"raised": type(error).__name__, **{name: fact(error, name) for name in show}}


def fact(error, name):
    if name == "cause":
        return next((kind.__name__ for kind in type(error.__cause__).__mro__ if kind in (OSError, ValueError)), None)
    if name in ("path", "line"):
        return getattr(error, name, None)
    return name in str(error)


PROBES = {
    probe.__name__: probe
    for probe in (
        reads_names_and_values,
        missing_file_means_no_settings,
        bad_line_reports_path_and_line,
        unreadable_file_keeps_its_cause,
        interrupt_is_not_swallowed,
        bad_number_is_not_the_default,
        canary,
    )
}


def main(name):
    # At the end of the path: a file of the solution that is named like a module of Python does not take its place.
    sys.path.append(os.environ["CAB_APP"])
    try:
        settings = importlib.import_module("settings")
    except SystemExit as error:
        raise ImportError("settings.py ends the program when it is imported") from error
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        seen = json.dumps(PROBES[name](settings), sort_keys=True, default=str)
        os.chdir("/")
    print("\nobserved:", seen, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])

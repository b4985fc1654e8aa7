"""Settings of the service, read from a file of `name = value` lines."""


class SettingsError(Exception):
    """A setting that cannot be used. `path` and `line` (counted from 1) say where it stands, if that is known."""

    def __init__(self, message, path=None, line=None):
        super().__init__(message)
        self.path = path
        self.line = line


def read_settings(path):
    """The settings in the file at `path` as a dict of strings; empty lines and lines that start with # are left out.

    A file that does not exist is no error: there are no settings then. A file that cannot be read or is not UTF-8,
    and a line without =, raise a SettingsError that knows the path, and of a bad line its number.
    """
    settings = {}
    try:
        with open(path, encoding="utf-8") as file:
            for count, line in enumerate(file, start=1):
                if line.strip() and not line.startswith("#"):
                    name, value = _pair(line, path, count)
                    settings[name] = value
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {path}: {error}", path) from error
    return settings


def _pair(line, path, count):
    try:
        name, value = line.split("=", 1)
    except ValueError as error:
        raise SettingsError(f"{path}:{count}: no = in {line.strip()!r}", path, count) from error
    return name.strip(), value.strip()


def number(settings, name, default):
    """The setting `name` as a whole number, or `default` where it is not set.

    A value that is not a whole number raises a SettingsError that names the setting.
    """
    if name not in settings:
        return default
    try:
        return int(settings[name])
    except ValueError as error:
        raise SettingsError(f"{name} is not a whole number: {settings[name]!r}") from error

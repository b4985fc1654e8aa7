"""Says where the service would listen."""

from settings import number, read_settings


def address(path="service.conf"):
    settings = read_settings(path)
    return settings.get("host", "127.0.0.1"), number(settings, "port", 8080)


if __name__ == "__main__":
    print("%s:%d" % address())

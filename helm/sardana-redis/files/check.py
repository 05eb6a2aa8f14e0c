"""`helm test`: Redis is initialised, each part is ready, Tango devices answer; nothing moves."""

import os
import time
import urllib.request
from collections.abc import Callable

SECONDS = 90


def check_redis() -> str:
    """What Redis holds; an error where blissdata cannot read it."""
    from sardana_redis.settings import load_settings
    from sardana_redis.store import list_scans, url_with_password

    settings = load_settings()
    url = url_with_password(settings.url, settings.password_file)
    return f"newest scans: {[scan.number for scan in list_scans(url, limit=3)]}"


def check_page(address: str) -> str:
    """What a part says of itself; an error while it is not ready."""
    with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - the chart's address
        return str(answer.read().decode().strip())


def check_device(name: str) -> str:
    """The device's state; an error where it cannot be worked with."""
    import tango

    state = tango.DeviceProxy(name).state()
    if state in (tango.DevState.FAULT, tango.DevState.UNKNOWN, tango.DevState.INIT):
        raise RuntimeError(f"{name} is {state}")
    return str(state)


def until_good(what: str, check: Callable[[], str], end: float) -> bool:
    """Whether the check passes before the end; says what it found, as it changes."""
    said = ""
    while True:
        try:
            found, is_good = check(), True
        except Exception as error:  # noqa: BLE001 - whatever is wrong, it is said
            found, is_good = f"{type(error).__name__}: {str(error).strip()[:300]}", False
        if is_good or found != said:
            print(f"{'good' if is_good else 'not yet'}: {what}: {found}", flush=True)
            said = found
        if is_good or time.monotonic() > end:
            return is_good
        time.sleep(1)


def main() -> int:
    """The exit code: 0 when all is well."""
    end = time.monotonic() + SECONDS
    checks: dict[str, Callable[[], str]] = {"Redis": check_redis}
    for address in os.environ["CHECK_PAGES"].split():
        checks[address] = lambda address=address: check_page(address)
    for name in os.environ["CHECK_DEVICES"].split():
        checks[name] = lambda name=name: check_device(name)
    bad = [what for what, check in checks.items() if not until_good(what, check, end)]
    print(f"not good: {', '.join(bad)}" if bad else "all is well")
    return 1 if bad else 0


raise SystemExit(main())

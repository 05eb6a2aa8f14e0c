"""What spock, Sardana's command line, needs to find its door without a question.

Sardana 3.7.1, `spock/ipython_01_00/genutils.py`: the door stands in the IPython profile
`spockdoor` only, and a missing profile is asked for. Ours lies in a folder of the
caller's choice, so that nothing is left in the user's home.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final, NoReturn

from sardana_redis.device_server._devices import door_names, macroserver_name
from sardana_redis.device_server._plan import tango_host
from sardana_redis.device_server._programs import find_script
from sardana_redis.settings import DeviceServerSettings

__all__ = ["run_spock", "spock_command", "write_spock_profile"]

_PROFILE: Final = """\
# spock_creation_version = {version}
# door_name = {door}
import sardana.spock.genutils
from sardana.spock.config import Spock

config = get_config()
config.Spock.macro_server_name = "{macroserver}"
config.Spock.door_name = "{door}"
sardana.spock.load_config(config)
"""


def write_spock_profile(ipython_dir: Path, *, door: str, macroserver: str) -> None:
    """Writes spock's profile for a door and its MacroServer, both by their full names."""
    profile = ipython_dir / "profile_spockdoor"
    profile.mkdir(parents=True, exist_ok=True)
    content = _PROFILE.format(version=version("sardana"), door=door, macroserver=macroserver)
    (profile / "ipython_config.py").write_text(content, encoding="utf-8")


def spock_command(ipython_dir: Path, tango_host: str, spock: Path) -> str:
    """The line that a person pastes into another terminal."""
    return f"TANGO_HOST={tango_host} IPYTHONDIR={ipython_dir} {spock}"


def run_spock(own: DeviceServerSettings, words: Sequence[str]) -> NoReturn:
    """Becomes spock on the first door of the instance; raises SettingsError without TANGO_HOST.

    A container may have neither a home nor a name for its user: both are made up then.
    """
    host = f"tango://{tango_host(os.environ)}"
    spock = find_script("spock", "sardana")
    scratch = Path(tempfile.gettempdir(), f"spock-{os.getuid()}")
    write_spock_profile(
        scratch,
        door=f"{host}/{door_names(own.instance, 1)[0]}",
        macroserver=f"{host}/{macroserver_name(own.instance)}",
    )
    made_up = {"HOME": str(scratch), "LOGNAME": "operator"}
    variables = made_up | os.environ | {"IPYTHONDIR": str(scratch)}
    os.execve(spock, [str(spock), *words], variables)  # noqa: S606 - we become it

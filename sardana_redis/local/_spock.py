"""What spock, Sardana's command line, needs to find the stack without a question.

Sardana 3.7.1, `spock/ipython_01_00/genutils.py`: the door stands in the IPython profile
`spockdoor` only, and a missing profile is asked for. Ours lies in the stack's folder, so
that nothing is left in the user's home.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Final

__all__ = ["spock_command", "write_spock_profile"]

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

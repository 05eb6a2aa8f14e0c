"""What the tests of the images share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from beamline import Beamline


@pytest.fixture(scope="module", params=["1000:1000", "123456:0"])
def beamline(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Beamline]:
    """A beamline out of our images, as the image's user and as one that no image knows."""
    with ExitStack() as cleanup:
        beamline = Beamline(tmp_path_factory.mktemp("beamline"), request.param, cleanup)
        beamline.start()
        yield beamline

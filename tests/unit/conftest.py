"""What all unit tests share."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is no failure; pytest's time limit ends what hangs.
settings.register_profile("unit", deadline=None, print_blob=True)
settings.load_profile("unit")

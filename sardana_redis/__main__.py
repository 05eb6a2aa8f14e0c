"""`python -m sardana_redis` is the `sardana-redis` command."""

from __future__ import annotations

from sardana_redis.cli import main

if __name__ == "__main__":
    main()

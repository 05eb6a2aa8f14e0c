"""What a beamline has already: a Redis with a password and a Tango database, without our chart."""

from __future__ import annotations

from kube import Namespace
from pods import pod, service
from release import image_of


class Facility:
    """Both run in a namespace of their own, from the images alone."""

    def __init__(self, namespace: Namespace, password: str) -> None:
        self.namespace = namespace
        self.password = password
        namespace.secret("redis", default=password)
        namespace.apply(
            service("redis", [6379]),
            pod(
                "redis", image_of("redis"),
                environment={"REDIS_MAXMEMORY": "100mb"},
                mounts={
                    "/run/secrets/redis": {"secret": {"secretName": "redis"}},
                    "/var/lib/redis": {"emptyDir": {}},
                },
                port=6379,
            ),
            service("tango-db", [10000]),
            pod(
                "tango-db", image_of("tango-db"),
                mounts={"/var/lib/tango": {"emptyDir": {}}},
                port=10000,
            ),
        )  # fmt: skip
        for name in ("redis", "tango-db"):
            namespace.ready_pod(f"app={name}")

    @property
    def redis_host(self) -> str:
        return f"redis.{self.namespace.name}.svc.cluster.local"

    @property
    def tango_host(self) -> str:
        return f"tango-db.{self.namespace.name}.svc.cluster.local"

"""What holds for every pod: the `restricted` level, limits, probes, secrets as files."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart.helm import CASES, case_documents, named, needs_helm, pod_of, pods, rendered

pytestmark = needs_helm

ALL = [
    pytest.param(pod["spec"], id=f"{case}-{component}")
    for case in (CASES if not needs_helm.args[0] else ())
    for component, pod in pods(case_documents(case))
]
FOLLOWERS = ("spec-writer", "nexus-writer", "memory-tracker")


@pytest.mark.parametrize("spec", ALL)
def test_a_pod_fits_the_restricted_level(spec: dict[str, Any]) -> None:
    context = spec["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert 0 not in (context["runAsUser"], context["runAsGroup"])
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
    assert kinds <= {"emptyDir", "configMap", "secret", "persistentVolumeClaim"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize("spec", ALL)
def test_a_pod_has_limits_probes_and_no_secret_in_its_environment(spec: dict[str, Any]) -> None:
    (container,) = spec["containers"]
    assert container["resources"]["limits"]["memory"]
    if spec.get("restartPolicy") != "Never":
        assert {"startupProbe", "readinessProbe"} <= container.keys()
        assert ("livenessProbe" in container) == (container["name"] != "tango-db")
        assert container["readinessProbe"] != container.get("livenessProbe")
    for variable in container.get("env", []):
        assert "secretKeyRef" not in str(variable)
        assert "PASSWORD" not in variable["name"] or variable["value"].startswith("/run/secrets/")


def test_only_host_network_leaves_the_restricted_level() -> None:
    found = case_documents("hostnetwork")
    on_host = {component for component, pod in pods(found) if pod["spec"].get("hostNetwork")}
    assert on_host == {"tango-db", "pool", "macroserver"}
    ports = [
        port["containerPort"]
        for component in on_host
        for port in pod_of(found, component)["spec"]["containers"][0]["ports"]
    ]
    assert len(ports) == len(set(ports)), "they share the node's ports"
    for case in set(CASES) - {"hostnetwork"}:
        assert not any("hostNetwork" in pod["spec"] for _, pod in pods(case_documents(case)))


def test_a_whole_release_fits_a_laptop() -> None:
    requests = [
        container["resources"]["requests"]
        for _, pod in pods(rendered({}))
        if pod["spec"].get("restartPolicy") != "Never"
        for container in pod["spec"]["containers"]
    ]
    assert len(requests) == 7
    assert sum(int(request["cpu"].removesuffix("m")) for request in requests) < 1000
    assert sum(int(request["memory"].removesuffix("Mi")) for request in requests) < 2048


def mounted(pod: dict[str, Any], path: str) -> dict[str, Any] | None:
    (container,) = pod["spec"]["containers"]
    names = [mount["name"] for mount in container["volumeMounts"] if mount["mountPath"] == path]
    found = [volume for volume in pod["spec"]["volumes"] if volume["name"] in names]
    return found[0] if found else None


def test_each_part_sees_its_own_password_only() -> None:
    found = case_documents("auth-acl")
    keys = {"macroserver": "recorder", "test": "reader"} | dict(
        zip(FOLLOWERS, FOLLOWERS, strict=True)
    )
    for component, pod in pods(found):
        volume = mounted(pod, "/run/secrets/sardana-redis")
        if component in keys:
            assert volume is not None
            secret = {"secretName": "redis-users"}
            items = [{"key": keys[component], "path": "password"}]
            assert volume["secret"] == {**secret, "items": items}
        else:
            assert volume is None
    users = mounted(pod_of(found, "redis"), "/run/secrets/redis")
    assert users is not None
    assert users["secret"] == {"secretName": "redis-users"}


def test_keys_of_secrets_can_have_other_names() -> None:
    found = rendered(
        {
            "redis": {
                "auth": {"existingSecret": "facility", "passwordKey": "redis"},
                "tls": {"enabled": True, "existingSecret": "certificates", "caKey": "root.pem"},
            }
        }
    )
    users = mounted(pod_of(found, "redis"), "/run/secrets/redis")
    assert users is not None
    assert users["secret"]["items"] == [{"key": "redis", "path": "default"}]
    authority = mounted(pod_of(found, "spec-writer"), "/run/secrets/sardana-redis-tls")
    assert authority is not None
    assert authority["secret"]["items"] == [{"key": "root.pem", "path": "ca.crt"}]


def test_data_of_others_keep_their_owners() -> None:
    found = case_documents("existing-claim")
    with_data = {"pool", "macroserver", "spec-writer", "nexus-writer"}
    assert not [item for item in found if item["metadata"]["name"] == "demo-data"]
    for component, pod in pods(found):
        volume = mounted(pod, "/beamline/data")
        context = pod["spec"]["securityContext"]
        assert (context["runAsUser"], context["supplementalGroups"]) == (5013, [7000])
        assert (volume is not None) == (component in with_data)
        if volume is not None:
            assert volume["persistentVolumeClaim"] == {"claimName": "shared-data"}
            assert "fsGroup" not in context
        else:
            assert context["fsGroup"] == 5013


def test_a_group_for_data_can_be_asked_for() -> None:
    found = rendered({"data": {"existingClaim": "mine", "fsGroup": 7000}})
    assert pod_of(found, "spec-writer")["spec"]["securityContext"]["fsGroup"] == 7000


def test_volumes_outlive_the_release() -> None:
    found = rendered({})
    claims = {
        item["metadata"]["name"]: item["spec"]["volumeClaimTemplates"][0]["metadata"]["name"]
        for item in found
        if "volumeClaimTemplates" in item.get("spec", {})
    }
    assert claims == {
        "demo-redis": "redis",
        "demo-tango-db": "tango-db",
        "demo-macroserver": "state",
    }
    data = named(found, "PersistentVolumeClaim", "data")
    assert data["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert "volumeClaimTemplates" not in str(case_documents("minimal"))


@pytest.mark.parametrize(
    ("maxmemory", "limit", "expected"),
    [
        ("", "1Gi", 805306368),
        ("", "256Mi", 201326592),
        ("300M", "400M", 300000000),
        (805306368, 2**30, 805306368),
        ("", 2**30, 805306368),
    ],
)
def test_maxmemory_is_below_the_limit(
    maxmemory: str | int, limit: str | int, expected: int
) -> None:
    redis = {"maxmemory": maxmemory, "resources": {"limits": {"memory": limit}}}
    (container,) = pod_of(rendered({"redis": redis}), "redis")["spec"]["containers"]
    assert container["env"] == [{"name": "REDIS_MAXMEMORY", "value": str(expected)}]


def test_sizes_may_be_numbers() -> None:
    """Helm reads a number of a values file as float64."""
    room = {"resources": {"limits": {"memory": 2**30, "cpu": 0.5}}}
    disk = {"persistence": {"size": 3 * 2**30}}
    found = rendered({"redis": {**room, **disk}, "macroserver": room, "data": {"size": 2**34}})
    for component in ("redis", "macroserver"):
        (container,) = pod_of(found, component)["spec"]["containers"]
        limits = container["resources"]["limits"]
        assert (limits["memory"], limits["cpu"]) == ("1073741824", "0.5")
    (claim,) = named(found, "StatefulSet", "redis")["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == 3 * 2**30
    data = named(found, "PersistentVolumeClaim", "data")
    assert data["spec"]["resources"]["requests"]["storage"] == 2**34


def test_a_writer_is_never_there_twice() -> None:
    found = rendered({})
    for component in FOLLOWERS:
        spec = named(found, "Deployment", component)["spec"]
        assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_a_drain_waits_for_those_who_scan() -> None:
    budgets = [item for item in rendered({}) if item["kind"] == "PodDisruptionBudget"]
    found = {b["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] for b in budgets}
    assert found == {"pool", "macroserver"}
    assert {budget["spec"]["maxUnavailable"] for budget in budgets} == {0}
    assert "PodDisruptionBudget" not in {item["kind"] for item in case_documents("minimal")}


def test_outgoing_connections_leave_the_servers_ports_alone() -> None:
    for component in ("tango-db", "pool", "macroserver"):
        spec = pod_of(rendered({}), component)["spec"]
        (sysctl,) = spec["securityContext"]["sysctls"]
        first = int(sysctl["value"].split()[0])
        ports = [port["containerPort"] for port in spec["containers"][0]["ports"]]
        assert sysctl["name"] == "net.ipv4.ip_local_port_range"
        assert all(port < first for port in ports)


def test_the_pod_of_helm_test_is_placed_as_macroserver() -> None:
    placement = {
        "nodeSelector": {"beamline": "demo"},
        "tolerations": [{"key": "beamline", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}},
        "priorityClassName": "beamline",
    }
    found = rendered({"macroserver": placement})
    for component in ("macroserver", "test"):
        spec = pod_of(found, component)["spec"]
        assert {name: spec[name] for name in placement} == placement
    assert not placement.keys() & pod_of(rendered({}), "test")["spec"].keys()


def test_there_is_time_to_deliver_after_sigterm() -> None:
    def seconds(values: dict[str, Any]) -> int:
        return pod_of(rendered(values), "macroserver")["spec"]["terminationGracePeriodSeconds"]

    assert seconds({}) == 45
    assert seconds({"macroserver": {"config": {"publisher": {"shutdown_timeout": 60}}}}) == 85


def test_names_stay_short_and_different() -> None:
    found = rendered({"fullnameOverride": "a" * 70})
    names = [(item["kind"], item["metadata"]["name"]) for item in found]
    assert len(names) == len(set(names))
    # Kubernetes adds 11 characters to a StatefulSet's name and puts it into a label, of 63 at most.
    longest = {"StatefulSet": 52, "Service": 63, "Deployment": 63}
    assert all(len(name) <= longest.get(kind, 253) for kind, name in names)

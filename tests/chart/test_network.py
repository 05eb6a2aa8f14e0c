"""Who may talk to whom: the policies, read as a table."""

from __future__ import annotations

from typing import Any

from tests.chart.helm import case_documents, named, needs_helm, pod_of, pods, rendered

pytestmark = needs_helm

REDIS = {"macroserver", "spec-writer", "nexus-writer", "memory-tracker", "test"}
TANGO = {"pool", "macroserver", "test"}
METRICS = {"test", "namespace monitoring"}
POOL_PORTS = (45450, 45460, 45470)
MACROSERVER_PORTS = (45451, 45461, 45471)

INGRESS: dict[str, dict[int, set[str]]] = {
    "redis": {6379: REDIS | {"client"}},
    "tango-db": {10000: TANGO | {"client"}},
    "pool": dict.fromkeys(POOL_PORTS, TANGO | {"client"}),
    "macroserver": {
        **dict.fromkeys(MACROSERVER_PORTS, TANGO | {"client"}),
        8080: {"namespace monitoring"},
    },
    "spec-writer": {8080: METRICS},
    "nexus-writer": {8080: METRICS},
    "memory-tracker": {8080: METRICS},
    "test": {},
}
PARTS = list(INGRESS)


def peer_name(peer: dict[str, Any]) -> str:
    if "namespaceSelector" in peer:
        (name,) = peer["namespaceSelector"]["matchLabels"].values()
        return f"namespace {name}"
    labels = peer["podSelector"]["matchLabels"]
    if labels == {"demo-client": "true"}:
        return "client"
    assert labels["app.kubernetes.io/instance"] == "demo"
    return str(labels["app.kubernetes.io/component"])


def table(rules: list[dict[str, Any]], side: str) -> dict[int, set[str]]:
    """Port -> those at the other end; `anywhere` where no peer is named."""
    found: dict[int, set[str]] = {}
    for rule in rules:
        peers = {peer_name(peer) for peer in rule[side]} if side in rule else {"anywhere"}
        for port in rule["ports"]:
            found.setdefault(port["port"], set()).update(peers)
    return found


def test_what_comes_in_is_what_is_served() -> None:
    found = rendered({})
    for part in PARTS:
        spec = named(found, "NetworkPolicy", part)["spec"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        assert table(spec["ingress"], "from") == INGRESS[part], part


def test_what_goes_out_comes_in_elsewhere() -> None:
    found = rendered({})
    for part in PARTS:
        egress = table(named(found, "NetworkPolicy", part)["spec"]["egress"], "to")
        dns = egress.pop(53, None)
        assert dns == ({"namespace kube-system"} if part in REDIS | TANGO else None)
        expected: dict[int, set[str]] = {}
        for server, ports in INGRESS.items():
            for port in (port for port, clients in ports.items() if part in clients):
                expected.setdefault(port, set()).add(server)
        assert egress == expected, part


def test_everything_else_is_refused_to_every_pod() -> None:
    found = rendered({})
    selector = named(found, "NetworkPolicy", "default-deny")["spec"]["podSelector"]["matchLabels"]
    labels = [pod["metadata"]["labels"] for _, pod in pods(found)]
    assert len(labels) == len(PARTS)
    assert all(selector.items() <= found.items() for found in labels)


def test_what_is_elsewhere_is_reached_by_its_port() -> None:
    found = case_documents("external-redis")
    egress = table(named(found, "NetworkPolicy", "spec-writer")["spec"]["egress"], "to")
    assert egress == {53: {"namespace kube-system"}, 6380: {"anywhere"}}
    spec = named(case_documents("external-tango"), "NetworkPolicy", "macroserver")["spec"]
    own, hardware = spec["egress"][:-1], spec["egress"][-1]
    assert table(own, "to")[10000] == {"anywhere"}
    assert hardware == {"to": [{"ipBlock": {"cidr": "10.13.0.0/16"}}]}


def test_the_tango_database_has_a_port_of_your_choice() -> None:
    """Two releases on one node's network share its ports."""
    found = rendered({"tangoDb": {"port": 11000}})
    (container,) = pod_of(found, "tango-db")["spec"]["containers"]
    assert container["ports"] == [{"name": "tango-db", "containerPort": 11000}]
    assert {"name": "TANGO_DB_PORT", "value": "11000"} in container["env"]
    (port,) = named(found, "Service", "tango-db")["spec"]["ports"]
    assert port["port"] == 11000
    host = "demo-tango-db.beamlines.svc.cluster.local:11000"
    for part in TANGO:
        (own,) = pod_of(found, part)["spec"]["containers"]
        assert {"name": "TANGO_HOST", "value": host} in own["env"]
        egress = named(found, "NetworkPolicy", part)["spec"]["egress"]
        assert table(egress, "to")[11000] == {"tango-db"}
    served = table(named(found, "NetworkPolicy", "tango-db")["spec"]["ingress"], "from")
    assert served == {11000: TANGO | {"client"}}


def test_policies_can_be_left_to_somebody_else() -> None:
    assert not [item for item in case_documents("minimal") if item["kind"] == "NetworkPolicy"]

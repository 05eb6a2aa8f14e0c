"""Prometheus' `kubernetes_sd` of role pod over HTTP: Debian's Prometheus is built without it."""

import json
import re
import ssl
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
META = "__meta_kubernetes_pod_"


def pods() -> list[dict[str, Any]]:
    url = f"https://kubernetes.default.svc/api/v1/namespaces/{sys.argv[1]}/pods"
    token = (ACCOUNT / "token").read_text()
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urllib.request.urlopen(request, context=trust, timeout=5) as answer:
        return json.load(answer)["items"]


def target(pod: dict[str, Any]) -> dict[str, Any]:
    metadata, ip = pod["metadata"], pod["status"]["podIP"]
    labels = {f"{META}ip": ip, f"{META}name": metadata["name"]}
    for kind in ("label", "annotation"):
        for name, value in metadata.get(f"{kind}s", {}).items():
            labels[f"{META}{kind}_{re.sub('[^a-zA-Z0-9_]', '_', name)}"] = value
    return {"targets": [ip], "labels": labels}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps([target(pod) for pod in pods() if pod["status"].get("podIP")]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", 8000), Handler).serve_forever()

"""Tries the admin API of the demo that MUSTER_DEMO_JSON names; schemathesis.toml says how."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.request

here = pathlib.Path(__file__).parent
api = json.loads(pathlib.Path(os.environ["MUSTER_DEMO_JSON"]).read_text())["api"]


def post(path, body):
    """Makes something that is there when it is asked for."""
    headers = {"Authorization": f"Bearer {api['token']}", "Content-Type": "application/json"}
    data = json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(api["url"] + path, data, headers)) as answer:
        answer.read()


post("/tokens", {"name": "ci", "scopes": ["read"]})
sys.exit(subprocess.call([
    pathlib.Path(sys.executable).with_name("schemathesis"),
    "--config-file", here / "schemathesis.toml",
    "run", api["url"] + "/openapi.json",
    "--url", api["url"].removesuffix("/api/v1"),
    "--header", f"Authorization: Bearer {api['token']}",
    *sys.argv[1:],
]))

"""A running simulator, and the vendor's own SDK pointed at it."""

import json
import os
import subprocess

import pytest
from google.oauth2 import service_account
from googleapiclient import discovery

SCOPES = [
    "https://www.googleapis.com/auth/" + name
    for name in (
        "admin.directory.user.readonly",
        "admin.directory.group.readonly",
        "admin.directory.orgunit.readonly",
        "admin.reports.audit.readonly",
    )
]


@pytest.fixture(scope="session")
def simulator():
    """The `simulator` object that `muster simulate` prints when it listens."""
    binary = os.environ.get("MUSTER_BIN", "target/release/muster")
    command = [
        binary, "simulate", "--listen", "127.0.0.1:0", "--providers", "google",
        "--users", "1300", "--groups", "60", "--memberships", "6000",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield json.loads(running.stdout.readline())
        finally:
            running.terminate()


@pytest.fixture(scope="session")
def google(simulator):
    return simulator["google"]


@pytest.fixture(scope="session")
def control(simulator):
    return simulator["control"] + "/google"


@pytest.fixture(scope="session")
def credentials(google):
    """Service-account credentials from the key file, with an administrator to impersonate."""
    return service_account.Credentials.from_service_account_file(
        google["key_file"], scopes=SCOPES, subject=google["subject"]
    )


def service(google, credentials, name, version):
    return discovery.build(
        name, version, credentials=credentials, static_discovery=True, cache_discovery=False,
        client_options={"api_endpoint": google["api"]},
    )


@pytest.fixture(scope="session")
def directory(google, credentials):
    return service(google, credentials, "admin", "directory_v1")


@pytest.fixture(scope="session")
def reports(google, credentials):
    return service(google, credentials, "admin", "reports_v1")

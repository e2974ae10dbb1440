"""google-api-python-client and google-auth, as Google ships them, against the simulator."""

import pytest
import requests
from google.auth import exceptions
from google.oauth2 import service_account
from googleapiclient.errors import HttpError


@pytest.fixture
def truth(control):
    return requests.get(control + "/truth", timeout=30).json()


def everything(method, following, rows, **options):
    """All rows of a list, page by page, as the SDK pages."""
    found, pages = [], 0
    request = method(**options)
    while request is not None:
        page = request.execute()
        found += page.get(rows, [])
        pages += 1
        request = following(request, page)
    return found, pages


def test_users_page_by_page(directory, truth):
    users = directory.users()
    found, pages = everything(
        users.list, users.list_next, "users", customer="my_customer", maxResults=500, orderBy="email",
        fields="nextPageToken,users(id,primaryEmail,name(givenName,familyName,fullName),suspended,archived)",
    )
    assert pages == 3
    expected = {user["id"]: user["login"] for user in truth["users"]}
    assert {user["id"]: user["primaryEmail"] for user in found} == expected


def test_groups_and_members(directory, truth):
    groups = directory.groups()
    found, _ = everything(groups.list, groups.list_next, "groups", customer="my_customer", maxResults=25)
    assert {group["id"]: group["email"] for group in found} == {
        group["id"]: group["email"] for group in truth["groups"]
    }
    members = directory.members()
    for group in truth["groups"]:
        rows, _ = everything(members.list, members.list_next, "members", groupKey=group["id"])
        if group["everybody"]:
            assert any(row["type"] == "CUSTOMER" for row in rows)
            continue
        own = {row["id"] for row in rows if "status" in row}
        assert own == set(group["users"]) | set(group["groups"]), group["name"]


def test_single_reads(directory, truth):
    user = truth["users"][0]
    assert directory.users().get(userKey=user["login"]).execute()["id"] == user["id"]
    group = next(group for group in truth["groups"] if group["users"] and not group["everybody"])
    member = group["users"][0]
    answer = directory.members().hasMember(groupKey=group["id"], memberKey=member).execute()
    assert answer == {"isMember": True}
    assert directory.members().get(groupKey=group["id"], memberKey=member).execute()["id"] == member


def test_deleted_and_restored(directory, control):
    made = requests.post(control + "/users", json={"login": "sdk@globex.example"}, timeout=30).json()
    user = f"{control}/users/{made['id']}"
    assert requests.delete(user, timeout=30).ok
    deleted = directory.users().list(customer="my_customer", showDeleted="true").execute()
    assert made["id"] in [row["id"] for row in deleted["users"]]
    with pytest.raises(HttpError) as gone:
        directory.users().get(userKey=made["id"]).execute()
    assert gone.value.status_code == 404
    assert requests.post(user + "/restore", timeout=30).ok
    deleted = directory.users().list(customer="my_customer", showDeleted="true").execute()
    assert made["id"] not in [row["id"] for row in deleted.get("users", [])]
    assert directory.users().get(userKey=made["id"]).execute()["primaryEmail"] == "sdk@globex.example"


def test_batch(directory, google, truth):
    answers = {}
    batch = directory.new_batch_http_request(
        callback=lambda name, answer, error: answers.update({name: answer or error})
    )
    # The SDK takes the batch address from the discovery document; `api_endpoint` does not move it.
    batch._batch_uri = google["api"] + "/batch/admin/directory_v1"
    for user in truth["users"][:50]:
        batch.add(directory.users().get(userKey=user["id"]), request_id=user["id"])
    batch.add(directory.users().get(userKey="nobody@globex.example"), request_id="nobody")
    batch.execute()
    assert answers.pop("nobody").status_code == 404
    assert {name: answer["primaryEmail"] for name, answer in answers.items()} == {
        user["id"]: user["login"] for user in truth["users"][:50]
    }


def test_audit_log(reports, control):
    requests.post(control + "/users", json={"login": "audited@globex.example"}, timeout=30)
    activities = reports.activities()
    found, _ = everything(
        activities.list, activities.list_next, "items", userKey="all", applicationName="admin",
        eventName="CREATE_USER", maxResults=1,
    )
    emails = [item["events"][0]["parameters"][0]["value"] for item in found]
    assert "audited@globex.example" in emails


def test_the_sdk_retries_what_google_means_by_a_403(directory, control):
    fault = {"route": "/users", "kind": "status", "status": 403, "reason": "userRateLimitExceeded", "times": 1}
    assert requests.post(control + "/faults", json=[fault], timeout=30).ok
    answer = directory.users().list(customer="my_customer", maxResults=1).execute(num_retries=3)
    assert len(answer["users"]) == 1
    fault = {"route": "/users", "kind": "status", "status": 403, "times": 1}
    assert requests.post(control + "/faults", json=[fault], timeout=30).ok
    with pytest.raises(HttpError) as refused:
        directory.users().list(customer="my_customer", maxResults=1).execute(num_retries=3)
    assert refused.value.reason == "Not Authorized to access this resource/api"


def fresh(google, **changes):
    wanted = {"scopes": ["https://www.googleapis.com/auth/admin.directory.user.readonly"], "subject": google["subject"]}
    return service_account.Credentials.from_service_account_file(google["key_file"], **{**wanted, **changes})


@pytest.mark.parametrize(
    "changes, error",
    [
        ({"subject": "nobody@globex.example"}, "invalid_grant: Invalid email or User ID"),
        ({"scopes": ["https://www.googleapis.com/auth/cloud-platform"]}, "unauthorized_client"),
        ({"scopes": ["nonsense"]}, "invalid_scope"),
    ],
)
def test_google_auth_sees_refusals(google, changes, error):
    transport = pytest.importorskip("google.auth.transport.requests").Request()
    with pytest.raises(exceptions.RefreshError) as refused:
        fresh(google, **changes).refresh(transport)
    assert error in str(refused.value)


def test_google_auth_renews_an_expired_token(directory, control):
    assert requests.post(control + "/expire", json={"what": "tokens"}, timeout=30).ok
    assert directory.users().list(customer="my_customer", maxResults=1).execute()["users"]

"""PyPI `atlassian-python-api` against a running demo: every call on `latest`, in JSON."""

import json
import os

import pytest
import requests
from atlassian import Crowd
from requests import HTTPError

DEMO = json.load(open(os.environ["MUSTER_DEMO_JSON"], encoding="utf-8"))
TRUTH = requests.get(DEMO["simulator"]["control"] + "/entra/truth", timeout=30).json()
PERSON = next(
    p for p in TRUTH["users"]
    if not p["guest"] and p["active"] and p["login"].strip() and any(p["id"] in g["users"] for g in TRUTH["groups"])
)
LOGIN = PERSON["login"].strip().lower()


@pytest.fixture
def client():
    crowd = DEMO["crowd"]
    return Crowd(url=crowd["url"], username=crowd["application"], password=crowd["password"])


def fails(status, call, *arguments, **named):
    with pytest.raises(HTTPError) as failure:
        call(*arguments, **named)
    assert failure.value.response.status_code == status


def test_case_130_people_and_groups(client):
    assert client.user(LOGIN)["email"] == PERSON["email"]
    groups = client.user_groups(LOGIN)
    assert groups and set(groups) <= set(client.nested_user_groups(LOGIN))
    group = groups[0]
    assert client.group(group)["type"] == "GROUP"
    assert LOGIN in client.group_members(group)
    assert LOGIN in client.nested_group_members(group)
    assert client.is_user_in_group(LOGIN, group)
    assert not client.is_user_in_group("nobody-of-that-name", group)
    assert client.group_attributes(group)["attributes"] == []
    assert client.user_attributes(LOGIN)["attributes"] == []
    assert isinstance(client.group_child_groups(group), list)
    assert isinstance(client.nested_group_child_groups(group), list)
    assert isinstance(client.group_parent_groups(group), list)


def test_case_130_search(client):
    found = client.search_cql("user", f'name = "{LOGIN}"')
    assert [user["name"] for user in found["users"]] == [LOGIN]
    everybody = client.search("user", {"restriction-type": "null-search-restriction"})
    assert LOGIN in [user["name"] for user in everybody["users"]]


def test_case_130_sessions(client):
    session = client.session_create(LOGIN, "", validate_password=False, duration=60)
    token = session["token"]
    assert session["user"]["name"] == LOGIN
    assert session["expiry-date"] - session["created-date"] == 60_000
    assert client.session_get(token)["user"]["email"] == PERSON["email"]
    assert client.session_validate(token)["token"] == token
    other = client.session_create(LOGIN, "", validate_password=False)["token"]
    client.session_delete_user_tokens(LOGIN, exclude=token)
    fails(404, client.session_get, other)
    client.session_delete(token)
    fails(404, client.session_get, token)
    fails(500, client.session_create, LOGIN, "secret")
    assert client.get_cookie_config()["name"] == "crowd.token_key"


def test_case_130_authentication(client):
    fails(500, client.user_authenticate, LOGIN, "secret")
    fails(400, client.user_authenticate, "nobody-of-that-name", "secret")
    assert client.user_authentication_notify(LOGIN)["name"] == LOGIN


def test_case_130_writes_are_refused(client):
    group = client.user_groups(LOGIN)[0]
    fails(403, client.user_create, "new.person", True, "N", "P", "N P", "n@example.org", "secret")
    fails(403, client.user_deactivate, LOGIN)
    fails(403, client.user_delete, LOGIN)
    fails(403, client.user_rename, LOGIN, "other")
    fails(403, client.user_update_password, LOGIN, "secret")
    fails(403, client.user_delete_password, LOGIN)
    fails(403, client.user_remove_attribute, LOGIN, "a")
    fails(403, client.user_request_password_reset, LOGIN)
    fails(403, client.user_expire_all_passwords)
    fails(405, client.user_store_attributes, LOGIN, {"attributes": []})
    fails(403, client.group_update, group, {"name": group, "type": "GROUP"})
    fails(403, client.group_delete, group)
    fails(404, client.user_avatar, LOGIN)
    assert client.user(LOGIN)["active"] is True

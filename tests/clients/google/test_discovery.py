"""The simulator's answers against Google's discovery documents, which the SDK ships.

Every property must be one that the document knows, and of its type; every parameter that the document lists
for a method must be accepted, and no other.
"""

import json
import os

import googleapiclient
import pytest
import requests
from google.auth.transport.requests import AuthorizedSession

DOCUMENTS = os.path.join(os.path.dirname(googleapiclient.__file__), "discovery_cache", "documents")


def document(name):
    with open(os.path.join(DOCUMENTS, name + ".json"), encoding="utf-8") as file:
        return json.load(file)


DIRECTORY = document("admin.directory_v1")
REPORTS = document("admin.reports_v1")

#: What `any` stands for, by property of a user: the document says only "any" there.
INSIDE = {
    "emails": "UserEmail",
    "externalIds": "UserExternalId",
    "organizations": "UserOrganization",
    "phones": "UserPhone",
    "languages": "UserLanguage",
}


def check(schemas, schema, value, path):
    """Complains of every property that is not in the schema, or not of its type."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"]]
    kind = schema["type"]
    if kind == "object":
        assert isinstance(value, dict), path
        properties = schema.get("properties", {})
        for name, inner in value.items():
            assert name in properties, f"{path}.{name} is not in the document"
            check(schemas, properties[name], inner, f"{path}.{name}")
    elif kind == "array":
        assert isinstance(value, list) and value, f"{path}: an empty list is absent"
        for item in value:
            check(schemas, schema["items"], item, path + "[]")
    elif kind == "any":
        name = path.rsplit(".", 1)[-1]
        assert name in INSIDE, f"{path}: nobody knows what is in there"
        for item in value:
            check(schemas, {"$ref": INSIDE[name]}, item, path + "[]")
    else:
        types = {"string": str, "boolean": bool, "integer": int, "number": float}
        assert type(value) is types[kind], f"{path}: {value!r} is no {kind}"
        if schema.get("format") == "int64":
            int(value)
        if schema.get("format") == "date-time":
            assert value.endswith("Z") and "T" in value, path


@pytest.fixture(scope="module")
def get(google, credentials):
    session = AuthorizedSession(credentials)
    return lambda path, **options: session.get(f"{google['api']}/{path}", params=options, timeout=30)


@pytest.fixture(scope="module")
def truth(control):
    return requests.get(control + "/truth", timeout=30).json()


V1 = "admin/directory/v1"


def pages(get, path, **options):
    while True:
        answer = get(path, **options)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        if "nextPageToken" not in answer.json():
            return
        options["pageToken"] = answer.json()["nextPageToken"]


def test_users(get, control):
    guest = {"login": "guest@globex.example", "email": "guest@partner.example", "guest": True}
    made = requests.post(control + "/users", json=guest, timeout=30).json()
    gone = requests.post(control + "/users", json={"login": "gone@globex.example"}, timeout=30).json()
    requests.delete(f"{control}/users/{gone['id']}", timeout=30)
    seen = set()
    for options in ({"maxResults": 500}, {"showDeleted": "true"}, {"projection": "full"}, {"viewType": "domain_public"}):
        for page in pages(get, V1 + "/users", customer="my_customer", **options):
            check(DIRECTORY["schemas"], {"$ref": "Users"}, page, "users")
            assert page["kind"] == "admin#directory#users"
            for user in page["users"]:
                assert user["kind"] == "admin#directory#user"
                seen |= set(user)
    wanted = {"guestAccountInfo", "isGuestUser", "deletionTime", "suspensionReason", "aliases", "phones", "externalIds"}
    assert wanted <= seen
    one = get(f"{V1}/users/{made['id']}").json()
    check(DIRECTORY["schemas"], {"$ref": "User"}, one, "user")


def test_groups_and_members(get, truth):
    for page in pages(get, V1 + "/groups", customer="my_customer", maxResults=25):
        check(DIRECTORY["schemas"], {"$ref": "Groups"}, page, "groups")
        assert page["kind"] == "admin#directory#groups"
    kinds = set()
    for group in truth["groups"]:
        check(DIRECTORY["schemas"], {"$ref": "Group"}, get(f"{V1}/groups/{group['id']}").json(), "group")
        for page in pages(get, f"{V1}/groups/{group['id']}/members"):
            check(DIRECTORY["schemas"], {"$ref": "Members"}, page, "members")
            kinds |= {member["type"] for member in page.get("members", [])}
    assert kinds == {"USER", "GROUP", "CUSTOMER", "EXTERNAL"}
    group = next(group for group in truth["groups"] if group["users"])
    answer = get(f"{V1}/groups/{group['id']}/hasMember/{group['users'][0]}").json()
    check(DIRECTORY["schemas"], {"$ref": "MembersHasMember"}, answer, "hasMember")


def test_units_and_activities(get, control):
    units = get(V1 + "/customer/my_customer/orgunits", type="all").json()
    check(DIRECTORY["schemas"], {"$ref": "OrgUnits"}, units, "orgunits")
    made = requests.post(control + "/groups", json={"name": "noted"}, timeout=30).json()
    requests.patch(f"{control}/groups/{made['id']}", json={"description": "noted too"}, timeout=30)
    for application in ("admin", "groups_enterprise"):
        path = f"admin/reports/v1/activity/users/all/applications/{application}"
        answer = get(path).json()
        assert answer["items"]
        check(REPORTS["schemas"], {"$ref": "Activities"}, answer, "activities")


def method(document, *names):
    found = document
    for name in names[:-1]:
        found = found["resources"][name]
    return found["methods"][names[-1]]


@pytest.mark.parametrize("names", [("users", "list"), ("groups", "list"), ("members", "list"), ("orgunits", "list")])
def test_parameters_are_those_of_the_document(get, truth, names):
    known = method(DIRECTORY, *names)
    base = known["path"].format(groupKey=truth["groups"][0]["id"], customerId="my_customer")
    query = {name: one for name, one in known["parameters"].items() if one["location"] == "query"}
    always = {"customer": "my_customer"} if "customer" in query else {}
    unknown = get(base, **always, notThere="x")
    assert unknown.status_code == 400 and "notThere" in unknown.json()["error"]["message"]
    for name, one in query.items():
        for value in one.get("enum", []):
            options = {**always, name: value}
            if value == "custom":
                options["customFieldMask"] = "*"
            answer = get(base, **options)
            assert answer.status_code == 200, (name, value, answer.text)
        if one.get("enum"):
            assert get(base, **{**always, name: "nonsense"}).status_code == 400, name
    if "maximum" in query.get("maxResults", {}):
        assert get(base, **always, maxResults=query["maxResults"]["maximum"]).status_code == 200
        assert get(base, **always, maxResults=int(query["maxResults"]["maximum"]) + 1).status_code == 400


@pytest.mark.parametrize(
    "names, kind", [(("users", "list"), "Users"), (("groups", "list"), "Groups"), (("members", "list"), "Members")]
)
def test_masks_know_all_fields_of_the_document(get, truth, names, kind):
    known = method(DIRECTORY, *names)
    base = known["path"].format(groupKey=truth["groups"][0]["id"])
    always = {} if names[0] == "members" else {"customer": "my_customer"}
    fields = set(DIRECTORY["schemas"][kind]["properties"])
    inner = {f"{names[0]}({name})" for name in DIRECTORY["schemas"][kind[:-1]]["properties"]}
    for field in fields | inner:
        answer = get(base, **always, fields=field, maxResults=1)
        assert answer.status_code == 200, (field, answer.text)
        assert set(answer.json()) <= {field.split("(")[0]}
    assert get(base, **always, fields="notThere").status_code == 400


def test_errors_have_the_envelope(get, google, control):
    def refused(answer, status, reason):
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (status, status)
        assert error["errors"][0]["reason"] == reason
        assert {"message", "domain", "reason"} <= set(error["errors"][0])
        return error

    refused(get(V1 + "/users"), 400, "badRequest")
    refused(get(V1 + "/users/nobody@globex.example"), 404, "notFound")
    refused(get(V1 + "/users", customer="my_customer", pageToken="x"), 400, "invalid")
    bare = requests.get(f"{google['api']}/{V1}/users", params={"customer": "my_customer"}, timeout=30)
    assert refused(bare, 401, "required")["status"] == "UNAUTHENTICATED"
    requests.post(control + "/revoke", json={"what": "api"}, timeout=30)
    disabled = refused(get(V1 + "/users", customer="my_customer"), 403, "accessNotConfigured")
    requests.post(control + "/grant", json={"what": "api"}, timeout=30)
    assert disabled["details"][0]["reason"] == "SERVICE_DISABLED"

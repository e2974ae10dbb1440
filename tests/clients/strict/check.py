"""The requests of mod_authnz_crowd against a running demo, its answers read as strictly as the module does.

Run by scripts/with-demo, which names the demo's file in MUSTER_DEMO_JSON. Standard library only.
"""

import base64
import http.client
import json
import os
import unittest
import urllib.parse
import urllib.request

import strict_reader as strict

with open(os.environ["MUSTER_DEMO_JSON"], encoding="utf-8") as file:
    DEMO = json.load(file)
CROWD = urllib.parse.urlsplit(DEMO["crowd"]["url"])
CREDENTIALS = f"{DEMO['crowd']['application']}:{DEMO['crowd']['password']}"
# The quotation marks are the module's own.
CONTENT_TYPE = 'application/xml; charset="utf-8"'
PASSWORD = b"<password><value><![CDATA[%s]]></value></password>"
FACTOR = (
    b"<validation-factors><validation-factor><name>remote_address</name>"
    b"<value>%s</value></validation-factor></validation-factors>"
)
PAGE = 1000


def ask(method, path, body=None, credentials=CREDENTIALS):
    """One request, as the module sends it; gives status and document."""
    connection = http.client.HTTPConnection(CROWD.hostname, CROWD.port, timeout=30)
    headers = {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}
    if body is not None:
        headers["Content-Type"] = CONTENT_TYPE
    connection.request(method, f"{CROWD.path}/rest/usermanagement/1{path}", body, headers)
    answer = connection.getresponse()
    document = answer.read()
    connection.close()
    assert answer.headers["X-Embedded-Crowd-Version"], "no version header"
    return answer.status, answer.headers["Content-Type"], document


def quoted(name):
    return urllib.parse.quote(name, safe="")


def truth():
    with urllib.request.urlopen(DEMO["simulator"]["control"] + "/entra/truth", timeout=30) as answer:
        return json.load(answer)


def members():
    """Active people whom the default rules serve, with the names of the groups that hold them."""
    said = truth()
    people = [p for p in said["users"] if p["active"] and not p["guest"] and p["login"].strip()]
    # Of groups of one name, the one with the lowest id is served.
    served = {}
    for group in sorted(said["groups"], key=lambda group: group["id"]):
        served.setdefault(group["name"].strip().lower(), group)
    named = {group["id"]: name for name, group in served.items()}
    parents = {}
    for group in served.values():
        for child in group["groups"]:
            parents.setdefault(child, set()).add(group["id"])
    within = {}
    for group in served.values():
        for person in group["users"]:
            within.setdefault(person, set()).add(group["id"])
    for person in people:
        found, work = set(), list(within.get(person["id"], ()))
        while work:
            group = work.pop()
            if group not in found:
                found.add(group)
                work.extend(parents.get(group, ()))
        yield person["login"].strip().lower(), {named[group] for group in found}


class AsTheModuleReads(unittest.TestCase):
    def setUp(self):
        everybody = list(members())
        self.assertTrue(everybody, "the demo has people")
        self.name, _ = everybody[0]
        self.busiest = max(everybody, key=lambda person: len(person[1]))

    def document(self, method, path, body=None, status=200):
        got, kind, document = ask(method, path, body)
        self.assertEqual(got, status, document)
        self.assertEqual(kind.split(";")[0], "application/xml")
        return document

    def session_answer(self):
        context = b"<authentication-context><username><![CDATA[%s]]></username>%s</authentication-context>" % (
            self.name.encode(), FACTOR % b"127.0.0.1",
        )
        status, _, document = ask("POST", "/session?validate-password=false", context)
        self.assertEqual(status, 201, document)
        return document

    def test_case_131_the_root_of_an_authentication_answer_is_the_person(self):
        # The same document as of a right password, which no directory of the demo can check.
        path = f"/authentication/notify?username={quoted(self.name)}"
        person = strict.whole(self.document("POST", path, b"<password/>"), strict.user)
        self.assertEqual(person["name"], self.name)
        self.assertEqual(person["active"], "true")

    def test_case_131_a_password_in_character_data_is_read_and_never_let_in(self):
        for password in (b"secret", b" a&b<c> ", b"]]]]><![CDATA[>", "pässwörd".encode()):
            path = f"/authentication?username={quoted(self.name)}"
            status, _, document = ask("POST", path, PASSWORD % password)
            if status == 200:
                self.fail("a password that nobody has was right")
            refusal = strict.whole(document, strict.error)
            self.assertIn((status, refusal["reason"]), [
                (400, "INVALID_USER_AUTHENTICATION"), (500, "OPERATION_FAILED"),
            ])
        status, _, document = ask("POST", f"/authentication?username={quoted(self.name)}", PASSWORD % b"")
        self.assertEqual(status, 400)
        self.assertEqual(strict.whole(document, strict.error)["reason"], "INVALID_USER_AUTHENTICATION")

    def test_case_131_an_unknown_person_is_a_bad_login(self):
        status, _, document = ask("POST", "/authentication?username=nobody-of-that-name", PASSWORD % b"x")
        self.assertEqual(status, 400)
        self.assertEqual(strict.whole(document, strict.error)["reason"], "USER_NOT_FOUND")

    def test_case_131_a_wrong_application_is_401(self):
        status, kind, document = ask("POST", "/authentication?username=x", PASSWORD % b"x", "demo:wrong")
        self.assertEqual((status, document), (401, b"Application failed to authenticate"))
        self.assertTrue(kind.startswith("text/plain"))

    def test_case_131_groups_come_in_pages_until_one_is_short(self):
        name, wanted = self.busiest
        for page in (PAGE, 2, 1):
            names, start = [], 0
            while True:
                path = f"/user/group/nested?username={quoted(name)}&start-index={start}&max-results={page}"
                got = strict.whole(self.document("GET", path), strict.groups)
                self.assertLessEqual(len(got), page)
                names += got
                start += page
                if len(got) < page:
                    break
            self.assertEqual(len(names), len(set(names)), "no group comes twice")
            self.assertEqual({name.lower() for name in names}, wanted)

    def test_case_131_the_cookie_has_its_order(self):
        document = self.document("GET", "/config/cookie")
        cookie = strict.whole(document, strict.cookie)
        self.assertEqual(cookie["name"], "crowd.token_key")
        self.assertFalse(cookie["secure"], "the demo is reached without TLS")
        expected = (
            b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
            b"<cookie-config><secure>false</secure><name>crowd.token_key</name></cookie-config>"
        )
        if cookie["domain"] is None:
            self.assertEqual(document, expected)

    def test_case_131_a_session_is_its_token_and_then_its_person(self):
        session = strict.whole(self.session_answer(), strict.session)
        self.assertEqual(session["name"], self.name)
        self.assertRegex(session["token"], r"\A[A-Za-z0-9_-]{16,}\Z")
        path = "/session/" + session["token"]
        for address in (path, path + "?expand=user"):
            again = strict.whole(self.document("GET", address), strict.session)
            self.assertEqual((again["token"], again["name"]), (session["token"], self.name))
        touched = strict.whole(self.document("POST", path, FACTOR % b"127.0.0.1"), strict.session)
        self.assertEqual(touched["token"], session["token"])
        status, _, document = ask("POST", path, FACTOR % b"192.0.2.1")
        self.assertEqual((status, strict.whole(document, strict.error)["reason"]), (400, "INVALID_SSO_TOKEN"))
        self.assertEqual(ask("DELETE", path)[0], 204)
        status, _, document = ask("GET", path)
        self.assertEqual((status, strict.whole(document, strict.error)["reason"]), (404, "INVALID_SSO_TOKEN"))


class TheReaderIsStrict(unittest.TestCase):
    """A reader that takes everything would prove nothing."""

    HEAD = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'

    def test_case_131_it_takes_a_good_document(self):
        good = self.HEAD + b"<cookie-config>\n <domain>.x</domain><secure>true</secure><name>n&amp;</name></cookie-config>\n"
        self.assertEqual(strict.whole(good, strict.cookie)["name"], "n&")

    def test_case_131_it_refuses_every_other(self):
        for bad in (
            b"<cookie-config><name>n</name><secure>true</secure></cookie-config>",
            b"<cookie-config><secure>true</secure><domain>.x</domain><name>n</name></cookie-config>",
            b"<cookie-config><secure>True</secure><name>n</name></cookie-config>",
            b"<cookie-config><!-- c --><secure>true</secure><name>n</name></cookie-config>",
            b"<cookie-config><?pi?><secure>true</secure><name>n</name></cookie-config>",
            b"<cookie-config>x<secure>true</secure><name>n</name></cookie-config>",
            b"<cookie-config><secure>true</secure><name>n & m</name></cookie-config>",
            b"<cookie-config><secure>true</secure><name>n</name></cookie-config>x",
            b"<cookie-config><secure>true</secure><name>n</name>",
            b"<config><secure>true</secure><name>n</name></config>",
        ):
            with self.assertRaises(strict.Unexpected, msg=bad):
                strict.whole(self.HEAD + bad, strict.cookie)


if __name__ == "__main__":
    unittest.main(verbosity=2)

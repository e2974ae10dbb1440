"""Reads XML as mod_authnz_crowd does: token after token, in the order that it expects, and nothing else.

Every byte of a document is accounted for: there is no comment, no processing instruction, no document type,
no text where an element is due, and white space only between elements. Standard library only.
"""

import re

DECLARATION = re.compile(rb'<\?xml version="1\.0"( encoding="UTF-8")?( standalone="yes")?\?>')
TAG = re.compile(rb'<([A-Za-z][A-Za-z-]*)((?: [A-Za-z][A-Za-z-]*="[^"<]*")*)(/?)>')
END = re.compile(rb"</([A-Za-z][A-Za-z-]*)>")
TEXT = re.compile(rb"[^<]*")
ENTITY = re.compile(r"&(?:(amp|lt|gt|quot|apos)|#([0-9]+)|#x([0-9a-fA-F]+));|&")
NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


class Unexpected(AssertionError):
    """The document does not continue as a strict reader needs it to."""


class Reader:
    """A position in a document; every method takes the next token or fails."""

    def __init__(self, document):
        self.document = document
        self.at = 0
        self.closed = []  # elements that were empty tags, so that their end is already there
        found = DECLARATION.match(document)
        if not found:
            raise self.wrong("an XML declaration")
        self.at = found.end()

    def wrong(self, wanted):
        return Unexpected(f"wanted {wanted} at byte {self.at}, found {self.document[self.at:self.at + 80]!r}")

    def blank(self):
        while self.document[self.at:self.at + 1] in (b" ", b"\t", b"\r", b"\n"):
            self.at += 1

    def is_next(self, name):
        self.blank()
        found = TAG.match(self.document, self.at)
        return bool(found) and not (self.closed and self.closed[-1]) and found[1] == name.encode()

    def open(self, name):
        """The start of an element; gives its attributes, in their order."""
        if not self.is_next(name):
            raise self.wrong(f"<{name}>")
        found = TAG.match(self.document, self.at)
        self.at = found.end()
        self.closed.append(found[3] == b"/")
        pairs = re.findall(rb' ([A-Za-z-]+)="([^"]*)"', found[2])
        return {key.decode(): unescaped(value) for key, value in pairs}

    def close(self, name):
        if self.closed and self.closed[-1]:
            self.closed.pop()
            return
        self.blank()
        found = END.match(self.document, self.at)
        if not found or found[1] != name.encode():
            raise self.wrong(f"</{name}>")
        self.at = found.end()
        self.closed.pop()

    def text(self, name):
        """An element with nothing but text and no attributes."""
        if self.open(name):
            raise self.wrong(f"<{name}> without attributes")
        if self.closed[-1]:
            self.closed.pop()
            return ""
        found = TEXT.match(self.document, self.at)
        self.at = found.end()
        end = f"</{name}>".encode()
        if not self.document.startswith(end, self.at):
            raise self.wrong(end.decode())
        self.at += len(end)
        self.closed.pop()
        return unescaped(found[0])

    def end(self):
        self.blank()
        if self.at != len(self.document) or self.closed:
            raise self.wrong("the end of the document")


def unescaped(raw):
    """A text with its entities put in; a lone ampersand is an error, as to any XML reader."""

    def character(found):
        if found[1]:
            return NAMED[found[1]]
        if found[2] or found[3]:
            return chr(int(found[2] or found[3], 10 if found[2] else 16))
        raise Unexpected(f"an ampersand that begins no entity in {raw!r}")

    return ENTITY.sub(character, raw.decode("utf-8"))


def link(reader, rel):
    attributes = reader.open("link")
    if list(attributes) != ["href", "rel"] or attributes["rel"] != rel:
        raise reader.wrong(f"a link with href and rel={rel}")
    reader.close("link")
    return attributes["href"]


def user(reader):
    """A person in full, in Crowd's order; texts that there are not are left out."""
    attributes = reader.open("user")
    if list(attributes) != ["name", "expand"]:
        raise reader.wrong("the attributes name and expand")
    person = {"name": attributes["name"], "link": link(reader, "self")}
    for name in ("first-name", "last-name", "display-name", "email"):
        if reader.is_next(name):
            person[name] = reader.text(name)
    reader.open("password")
    link(reader, "edit")
    reader.close("password")
    for name in ("key", "created-date", "updated-date", "active"):
        person[name] = reader.text(name)
    reader.open("attributes")
    link(reader, "self")
    reader.close("attributes")
    reader.close("user")
    return person


def minimal(reader, kind):
    """A person or group of which only the name and the link are told."""
    attributes = reader.open(kind)
    if list(attributes) != ["name"]:
        raise reader.wrong("the attribute name alone")
    link(reader, "self")
    reader.close(kind)
    return attributes["name"]


def groups(reader):
    if reader.open("groups") != {"expand": "group"}:
        raise reader.wrong('<groups expand="group">')
    names = []
    while reader.is_next("group"):
        names.append(minimal(reader, "group"))
    reader.close("groups")
    return names


def cookie(reader):
    """A domain that may be absent, then `true` or `false`, then the name."""
    reader.open("cookie-config")
    domain = reader.text("domain") if reader.is_next("domain") else None
    secure, name = reader.text("secure"), reader.text("name")
    reader.close("cookie-config")
    if secure not in ("true", "false"):
        raise Unexpected(f"secure is {secure!r}")
    return {"domain": domain, "secure": secure == "true", "name": name}


def session(reader):
    """The token first, then the person; what follows is of no interest to the module, but has an order too."""
    attributes = reader.open("session")
    if list(attributes) != ["expand"]:
        raise reader.wrong("the attribute expand alone")
    token = reader.text("token")
    start = reader.at
    try:
        name = minimal(reader, "user")
    except Unexpected:
        # The answer to GET has the person in full.
        reader.at, reader.closed = start, [False]
        name = user(reader)["name"]
    link(reader, "self")
    created, expires = reader.text("created-date"), reader.text("expiry-date")
    reader.close("session")
    return {"token": token, "name": name, "created": created, "expires": expires}


def error(reader):
    reader.open("error")
    reason, message = reader.text("reason"), reader.text("message")
    reader.close("error")
    return {"reason": reason, "message": message}


def whole(document, read):
    """A document from its first byte to its last."""
    reader = Reader(document)
    value = read(reader)
    reader.end()
    return value

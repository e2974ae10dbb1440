//! People and groups from an LDAP directory's export (RFC 2849): what a product's LDAP directory was filled from.
//!
//! Values by reference (`attribute:< URL`) are not followed, records of changes are left out; both are noted.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use directory::text::{line as shown, visible};

use super::{Gathering, PEOPLE_MAX, Product, ProductPerson, ReadError, filled};
use crate::text_file;

/// Classes of people; Active Directory's computers are of class `user` too.
const PEOPLE: [&str; 6] =
    ["person", "inetorgperson", "organizationalperson", "user", "posixaccount", "account"];
/// Classes of groups.
const GROUPS: [&str; 4] = ["group", "groupofnames", "groupofuniquenames", "posixgroup"];
/// Where the user name stands; the first one counts.
const USER_NAMES: [&str; 3] = ["samaccountname", "uid", "cn"];

/// What is read as text.
const TEXTS: [&str; 12] = [
    "dn",
    "objectclass",
    "samaccountname",
    "uid",
    "cn",
    "mail",
    "displayname",
    "memberof",
    "member",
    "uniquemember",
    "memberuid",
    "changetype",
];
/// What stands behind the last record when `ldapsearch` wrote the export.
const TRAILER: [&str; 6] = ["search", "result", "matcheddn", "text", "control", "ref"];
/// Characters of a line that a message repeats.
const SHOWN_CHARS_MAX: usize = 40;

/// One record: its name and its attributes, in lower case.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entry {
    line: usize,
    dn: String,
    attributes: BTreeMap<String, Vec<String>>,
}

/// Reads an export.
///
/// # Errors
/// Names the line that cannot be read.
pub fn read(mut file: impl Read) -> Result<Product, ReadError> {
    let mut bytes = Vec::new();
    let cannot = |error: &dyn std::fmt::Display| {
        ReadError::File(format!("the export cannot be read: {error}"))
    };
    file.read_to_end(&mut bytes).map_err(|error| cannot(&error))?;
    let text = text_file::decoded(bytes).map_err(|error| cannot(&error))?;
    let mut gathering = Gathering::default();
    if !text.is_empty() && !text.ends_with('\n') {
        gathering.note("the last line of the export has no end; is the file whole?");
    }
    let entries = entries(&text, &mut gathering)?;
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.is_person()) {
        let Some(person) = entry.person() else {
            gathering
                .note(format!("line {}: a person has no user name and was left out", entry.line));
            continue;
        };
        names.insert(plain_dn(&entry.dn), person.user_name.clone());
        gathering.person(person);
        if gathering.count() > PEOPLE_MAX {
            return Err(ReadError::File(format!("the export has more than {PEOPLE_MAX} people")));
        }
    }
    for entry in entries.iter().filter(|entry| entry.is_a(&GROUPS)) {
        let Some(group) = entry.first("cn") else {
            gathering.note(format!("line {}: a group has no `cn` and was left out", entry.line));
            continue;
        };
        gathering.group(&group);
        let by_dn = entry.all("member").chain(entry.all("uniquemember"));
        let by_dn = by_dn.filter_map(|dn| names.get(&plain_dn(dn)).cloned());
        let by_name = entry.all("memberuid").filter(|name| gathering.knows(name)).cloned();
        let members: BTreeSet<String> = by_dn.chain(by_name).collect();
        for user_name in members {
            let groups = vec![group.clone()];
            gathering.person(ProductPerson { user_name, groups, ..ProductPerson::default() });
        }
    }
    Ok(gathering.finish())
}

impl Entry {
    fn all(&self, attribute: &str) -> impl Iterator<Item = &String> {
        self.attributes.get(attribute).into_iter().flatten()
    }

    fn first(&self, attribute: &str) -> Option<String> {
        self.all(attribute).find_map(|value| filled(value))
    }

    fn is_a(&self, classes: &[&str]) -> bool {
        self.all("objectclass").any(|class| classes.contains(&class.to_lowercase().as_str()))
    }

    fn is_person(&self) -> bool {
        self.is_a(&PEOPLE) && !self.is_a(&GROUPS) && !self.is_a(&["computer"])
    }

    fn person(&self) -> Option<ProductPerson> {
        let groups = self.all("memberof").filter_map(|dn| common_name(dn));
        Some(ProductPerson {
            user_name: USER_NAMES.iter().find_map(|attribute| self.first(attribute))?,
            mail: self.first("mail"),
            full_name: self.first("displayname").or_else(|| self.first("cn")),
            groups: groups.collect(),
        })
    }
}

/// The records of an export.
fn entries(text: &str, gathering: &mut Gathering) -> Result<Vec<Entry>, ReadError> {
    let mut entries = Vec::new();
    let mut entry = Entry::default();
    let lines = unfolded(text)?;
    // An empty line at the end closes the last record.
    for (line, content) in lines.iter().chain([&(lines.len() + 1, String::new())]) {
        if content.is_empty() {
            entries.extend(finished(std::mem::take(&mut entry), gathering)?);
            continue;
        }
        // The parts of a record of a change.
        if content == "-" && entry.attributes.contains_key("changetype") {
            continue;
        }
        let (attribute, value) = attribute(*line, content)?;
        match (attribute.as_str(), value) {
            ("version", Some(version)) if entry.dn.is_empty() => {
                if version.trim() != "1" {
                    return Err(at(
                        *line,
                        &format!("version `{}` of LDIF; 1 is read", visible(&version)),
                    ));
                }
            }
            (_, None) => {
                gathering
                    .note(format!("line {line}: `{attribute}` refers to a file and was not read"));
            }
            ("dn", Some(_)) if !entry.dn.is_empty() => {
                let why = format!(
                    "a second `dn` in the record that begins in line {}; records have an empty line between them",
                    entry.line
                );
                return Err(at(*line, &why));
            }
            ("dn", Some(dn)) if dn.trim().is_empty() => return Err(at(*line, "the `dn` is empty")),
            ("dn", Some(dn)) => (entry.dn, entry.line) = (dn, *line),
            (_, Some(value)) => {
                if entry.dn.is_empty() {
                    if !TRAILER.contains(&attribute.as_str()) {
                        let why = format!(
                            "a record begins with `{attribute}`, not with `dn`; is it LDIF?"
                        );
                        return Err(at(*line, &why));
                    }
                    if entry.attributes.is_empty() {
                        entry.line = *line;
                    }
                }
                entry.attributes.entry(attribute).or_default().push(value);
            }
        }
    }
    Ok(entries)
}

/// A record that came to its end, if it is one of somebody or something.
fn finished(entry: Entry, gathering: &mut Gathering) -> Result<Option<Entry>, ReadError> {
    let line = entry.line;
    if entry.dn.is_empty() {
        // How `ldapsearch` ends what it writes; 0 is success.
        let result = entry.first("result").unwrap_or_else(|| "0".to_owned());
        return if result.split(' ').next() == Some("0") {
            Ok(None)
        } else {
            let why = format!(
                "the search that wrote the export ended with `{}`, so not everything is in it",
                visible(&result)
            );
            Err(at(line, &why))
        };
    }
    if entry.attributes.contains_key("changetype") {
        gathering.note(format!("line {line}: a record of a change was left out"));
        return Ok(None);
    }
    if entry.attributes.is_empty() {
        return Err(at(line, "the record has nothing but its `dn`; is the file cut off?"));
    }
    if !entry.attributes.contains_key("objectclass") {
        gathering.note(format!(
            "line {line}: the record has no `objectClass`, so nobody knows what it is, and it was left out"
        ));
    }
    Ok(Some(entry))
}

fn at(line: usize, why: &str) -> ReadError {
    ReadError::File(format!("the export cannot be read: line {line}: {why}"))
}

/// Lines with their numbers; those that go on in the next line are put together, comments are left out.
fn unfolded(text: &str) -> Result<Vec<(usize, String)>, ReadError> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (no, line) in (1..).zip(text.lines()) {
        if line.contains('\r') {
            return Err(at(
                no,
                "a line end of another kind within the line; save it with LF or CR LF",
            ));
        }
        match (line.strip_prefix(' '), lines.last_mut()) {
            (Some(rest), Some((_, before))) if !before.is_empty() => before.push_str(rest),
            (Some(rest), _) if rest.trim().is_empty() => lines.push((no, String::new())),
            (Some(_), _) => return Err(at(no, "it goes on from a line that is not there")),
            (None, _) => lines.push((no, line.to_owned())),
        }
    }
    // What `ldapsearch` says of its own answer.
    let said =
        lines.iter().find_map(|(_, line)| line.strip_prefix("# numEntries: ")?.trim().parse().ok());
    lines.retain(|(_, line)| !line.starts_with('#'));
    let found = lines
        .iter()
        .filter(|(_, line)| line.get(..3).is_some_and(|dn| dn.eq_ignore_ascii_case("dn:")));
    let found = found.count();
    if let Some(said) = said.filter(|said: &usize| *said != found) {
        return Err(ReadError::File(format!(
            "the export says that it has {}, and has {found}; export it again",
            directory::counted::counted(said as u64, "record")
        )));
    }
    Ok(lines)
}

/// One attribute, in lower case and without options; no value where it is a reference.
fn attribute(line: usize, content: &str) -> Result<(String, Option<String>), ReadError> {
    let wrong = |why: &str| at(line, &format!("{why}; is it LDIF?"));
    let (described, value) = content.split_once(':').ok_or_else(|| wrong("there is no `:`"))?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ';');
    let described = described.trim_end();
    if described.is_empty() || !described.chars().all(allowed) {
        let described = shown(described, SHOWN_CHARS_MAX);
        return Err(wrong(&format!("`{described}` is no name of an attribute")));
    }
    let name = described.split(';').next().unwrap_or_default().to_lowercase();
    if value.starts_with('<') {
        return Ok((name, None));
    }
    let Some(encoded) = value.strip_prefix(':') else {
        return Ok((name, Some(value.trim_start_matches(' ').to_owned())));
    };
    let bytes = STANDARD
        .decode(encoded.trim())
        .map_err(|_| wrong("what stands after `::` is not Base64"))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok((name, Some(text))),
        Err(_) if TEXTS.contains(&name.as_str()) => {
            Err(wrong(&format!("the Base64 of `{name}` is not UTF-8")))
        }
        // Pictures and the like are no texts, and nobody asks for them.
        Err(_) => Ok((name, Some(String::new()))),
    }
}

/// A distinguished name as it is compared: without case, and without spaces around its parts.
fn plain_dn(dn: &str) -> String {
    let parts: Vec<String> = parts(dn)
        .iter()
        .map(|part| match part.split_once('=') {
            Some((name, value)) => format!("{}={}", name.trim(), value.trim()),
            None => part.trim().to_owned(),
        })
        .collect();
    parts.join(",").to_lowercase()
}

/// The name of the group that a distinguished name leads to.
fn common_name(dn: &str) -> Option<String> {
    let first = parts(dn).into_iter().next()?;
    let (name, value) = first.split_once('=')?;
    let mut plain = String::new();
    let mut chars = value.trim().chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next()? } else { c });
    }
    name.trim().eq_ignore_ascii_case("cn").then_some(plain).and_then(|name| filled(&name))
}

/// The parts between commas that are not escaped.
fn parts(dn: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in dn.chars() {
        if c == ',' && !escaped {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
        escaped = c == '\\' && !escaped;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORT: &str = "\
version: 1
# an export, with a comment that
  goes on in the next line
dn: uid=alice,ou=People,dc=example,dc=org
objectClass: top
objectClass: inetOrgPerson
uid: alice
cn:: QWxpY2UgTcO8bGxlcg==
mail: alice@exam
 ple.org
jpegPhoto:: /9j/4AAQSkZJRg==
description:< file:///tmp/x

dn: CN=Smith\\, Bob,OU=People,DC=example,DC=org
objectClass: user
sAMAccountName: bob
cn: Smith, Bob
displayName;lang-en: Bob Smith
memberOf: CN=R\\, D,OU=Groups,DC=example,DC=org

dn: cn=PC-1,dc=example,dc=org
objectClass: user
objectClass: computer
sAMAccountName: PC-1$

dn: cn=ops,ou=Groups,dc=example,dc=org
objectClass: groupOfNames
cn: ops
member: UID=alice, OU=People, DC=example, DC=org
member: CN=Smith\\, Bob,OU=People,DC=example,DC=org
member: cn=gone,dc=example,dc=org

dn: cn=posix,ou=Groups,dc=example,dc=org
objectClass: posixGroup
cn: posix
memberUid: alice
memberUid: nobody

dn: uid=carol,dc=example,dc=org
changetype: delete
";

    fn person(name: &str, mail: Option<&str>, full_name: &str, groups: &[&str]) -> ProductPerson {
        ProductPerson {
            user_name: name.to_owned(),
            mail: mail.map(str::to_owned),
            full_name: Some(full_name.to_owned()),
            groups: groups.iter().copied().map(str::to_owned).collect(),
        }
    }

    #[test]
    fn an_export_is_read_with_folded_lines_base64_and_comments() {
        for export in [EXPORT.to_owned(), EXPORT.replace('\n', "\r\n")] {
            let product = read(export.as_bytes()).unwrap();
            let alice =
                person("alice", Some("alice@example.org"), "Alice Müller", &["ops", "posix"]);
            assert_eq!(product.people, [alice, person("bob", None, "Bob Smith", &["R, D", "ops"])]);
            assert_eq!(product.groups, ["R, D", "ops", "posix"]);
            assert_eq!(product.notes.len(), 2, "{:?}", product.notes);
        }
    }

    #[test]
    fn what_is_no_export_is_named_with_its_line() {
        for (text, says) in [
            ("dn: cn=x\nnonsense\n", "line 2: there is no `:`"),
            ("uid: x\n", "not with `dn`"),
            ("dn: cn=x\ncn:: %%%\n", "line 2: what stands after `::`"),
        ] {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        assert_eq!(read(&b""[..]).unwrap(), Product::default());
    }

    #[test]
    fn what_is_malformed_is_an_error_with_its_line() {
        let ann = "dn: uid=ann\nobjectClass: person\nuid: ann\n";
        for (text, says) in [
            // Records that run together.
            (
                format!("{ann}dn: uid=bob\nobjectClass: person\nuid: bob\n"),
                "line 4: a second `dn` in the record that begins in line 1",
            ),
            (format!("{ann}DN:: dWlkPWJvYg==\n"), "line 4: a second `dn`"),
            // Base64.
            (format!("{ann}cn:: QW5\n"), "line 4: what stands after `::`"),
            (format!("{ann}cn:: /9j/4AAQ\n"), "line 4: the Base64 of `cn` is not UTF-8"),
            ("dn:: /9j/4AAQ\n".to_owned(), "line 1: the Base64 of `dn`"),
            // Lines that go on.
            (" uid: x\n".to_owned(), "line 1: it goes on from a line that is not there"),
            (format!("{ann}\n mail: x\n"), "line 5: it goes on"),
            (format!("{ann}\tmail: x\n"), "line 4: `\\tmail` is no name"),
            // Cut off.
            (format!("{ann}\ndn: uid=bob\n"), "line 5: the record has nothing but its `dn`"),
            (format!("{ann}\ndn: uid=bob\nobjectCl"), "line 6: there is no `:`"),
            (format!("{ann}\n# numEntries: 2\n"), "says that it has 2 records, and has 1"),
            (
                format!("{ann}\nsearch: 2\nresult: 4 Size limit exceeded\n"),
                "line 5: the search that wrote the export ended with `4 Size",
            ),
            // What is no LDIF.
            ("version: 2\n".to_owned(), "line 1: version `2`"),
            ("dn:\nuid: x\n".to_owned(), "line 1: the `dn` is empty"),
            ("<html>: x\n".to_owned(), "line 1: `<html>` is no name"),
            (format!("{ann}cn: A\0\n"), "line 4 has a NUL"),
            (format!("{ann}cn: A\rmail: x\n"), "line 4: a line end of another kind"),
        ] {
            for text in [text.clone(), text.replace('\n', "\r\n")] {
                let error = read(text.as_bytes()).unwrap_err().to_string();
                assert!(error.contains(says), "{text}: {error}");
            }
        }
        let error = read(&b"dn: cn=\xe9\n"[..]).unwrap_err().to_string();
        assert!(error.contains("line 1 is not UTF-8"), "{error}");
    }

    #[test]
    fn what_may_be_half_is_noted_and_other_programs_ends_are_read() {
        let ann = "dn: uid=ann\nobjectClass: person\nuid: ann\n";
        let ended = format!(
            "# extended LDIF\n#\n{ann}\n# search result\nsearch: 2\nresult: 0 Success\n\n# numResponses: 2\n# numEntries: 1\n"
        );
        let product = read(ended.as_bytes()).unwrap();
        assert_eq!((product.people.len(), product.notes.len()), (1, 0), "{:?}", product.notes);
        let marked = format!("\u{feff}{ann}");
        assert_eq!(read(marked.as_bytes()).unwrap().people.len(), 1);
        let utf16: Vec<u8> =
            [0xFE, 0xFF].into_iter().chain(ann.encode_utf16().flat_map(u16::to_be_bytes)).collect();
        assert_eq!(read(&*utf16).unwrap().people.len(), 1);
        let half = format!("{ann}\ndn: uid=bob\nuid: bob");
        let notes = read(half.as_bytes()).unwrap().notes;
        assert!(notes[0].contains("is the file whole?"), "{notes:?}");
        assert!(notes[1].contains("line 5: the record has no `objectClass`"), "{notes:?}");
        let change = format!("{ann}\ndn: uid=bob\nchangetype: modify\nreplace: mail\nmail: x\n-\n");
        assert_eq!(read(change.as_bytes()).unwrap().notes.len(), 1);
    }
}

//! People and groups from an LDAP directory's export (RFC 2849): what a product's LDAP directory was filled from.
//!
//! Values by reference (`attribute:< URL`) are not followed, records of changes are left out; both are noted.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Gathering, PEOPLE_MAX, Product, ProductPerson, ReadError, filled};

/// Classes of people; Active Directory's computers are of class `user` too.
const PEOPLE: [&str; 6] =
    ["person", "inetorgperson", "organizationalperson", "user", "posixaccount", "account"];
/// Classes of groups.
const GROUPS: [&str; 4] = ["group", "groupofnames", "groupofuniquenames", "posixgroup"];
/// Where the user name stands; the first one counts.
const USER_NAMES: [&str; 3] = ["samaccountname", "uid", "cn"];

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
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| {
        ReadError::File(format!("the export cannot be read: {error}; is it LDIF in UTF-8?"))
    })?;
    let mut gathering = Gathering::default();
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
        let Some(group) = entry.first("cn") else { continue };
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
    let lines = unfolded(text);
    // An empty line at the end closes the last record.
    for (line, content) in lines.iter().chain([&(lines.len() + 1, String::new())]) {
        if content.is_empty() {
            let done = std::mem::take(&mut entry);
            if done.attributes.contains_key("changetype") {
                gathering.note(format!("line {}: a record of a change was left out", done.line));
            } else if !done.dn.is_empty() {
                entries.push(done);
            }
            continue;
        }
        let (attribute, value) = attribute(*line, content)?;
        match (attribute.as_str(), value) {
            ("version", _) if entry.dn.is_empty() => {}
            (_, None) => {
                gathering
                    .note(format!("line {line}: `{attribute}` refers to a file and was not read"));
            }
            ("dn", Some(dn)) => (entry.dn, entry.line) = (dn, *line),
            (_, Some(_)) if entry.dn.is_empty() => {
                return Err(ReadError::File(format!(
                    "line {line}: a record begins with `{attribute}`, not with `dn`; is it LDIF?"
                )));
            }
            (_, Some(value)) => entry.attributes.entry(attribute).or_default().push(value),
        }
    }
    Ok(entries)
}

/// Lines with their numbers; those that go on in the next line are put together, comments are left out.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        match (line.strip_prefix(' '), lines.last_mut()) {
            (Some(rest), Some((_, before))) if !before.is_empty() => before.push_str(rest),
            _ => lines.push((at + 1, line.to_owned())),
        }
    }
    lines.retain(|(_, line)| !line.starts_with('#'));
    lines
}

/// One attribute, in lower case and without options; no value where it is a reference.
fn attribute(line: usize, content: &str) -> Result<(String, Option<String>), ReadError> {
    let wrong = |why: &str| ReadError::File(format!("line {line}: {why}; is it LDIF?"));
    let (name, value) = content.split_once(':').ok_or_else(|| wrong("there is no `:`"))?;
    let name = name.split(';').next().unwrap_or_default().trim().to_lowercase();
    if value.starts_with('<') {
        return Ok((name, None));
    }
    let Some(encoded) = value.strip_prefix(':') else {
        return Ok((name, Some(value.trim_start_matches(' ').to_owned())));
    };
    let bytes = STANDARD
        .decode(encoded.trim())
        .map_err(|_| wrong("what stands after `::` is not Base64"))?;
    // Pictures and the like are no texts, and nobody asks for them.
    Ok((name, Some(String::from_utf8(bytes).unwrap_or_default())))
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
}

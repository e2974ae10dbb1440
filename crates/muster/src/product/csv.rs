//! People from a table (RFC 4180, or with semicolons or tabs, as spreadsheets write it).
//!
//! The first line names the columns. A person may have several rows, one for each group.

use std::io::Read;

use csv::{ReaderBuilder, StringRecord};

use super::{Gathering, PEOPLE_MAX, Product, ProductPerson, ReadError, filled};

/// The columns, each with the names that it is known by; compared without case, spaces, `-` and `_`.
const COLUMNS: [(&str, &[&str]); 4] = [
    ("user name", &["username", "user", "login", "loginname", "userid", "name"]),
    ("mail", &["mail", "email", "emailaddress", "mailaddress"]),
    ("full name", &["fullname", "displayname", "realname"]),
    ("groups", &["groups", "group", "groupname", "groupnames", "memberof"]),
];

/// Reads a table.
///
/// # Errors
/// When it has no column of user names, or a row cannot be read; names the line.
pub fn read(mut file: impl Read) -> Result<Product, ReadError> {
    let mut bytes = Vec::new();
    let cannot =
        |error: std::io::Error| ReadError::File(format!("the table cannot be read: {error}"));
    file.read_to_end(&mut bytes).map_err(cannot)?;
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(bytes))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let wrong = |error: csv::Error| {
        let line = error.position().map_or(0, csv::Position::line);
        ReadError::File(format!(
            "line {line} of the table cannot be read ({error}); save it as CSV in UTF-8"
        ))
    };
    let columns = Columns::of(reader.headers().map_err(wrong)?)?;
    let mut gathering = Gathering::default();
    for row in reader.records() {
        let row = row.map_err(wrong)?;
        let Some(person) = columns.person(&row) else {
            let line = row.position().map_or(0, csv::Position::line);
            gathering.note(format!("line {line} has no user name and was left out"));
            continue;
        };
        gathering.person(person);
        if gathering.count() > PEOPLE_MAX {
            return Err(ReadError::File(format!("the table has more than {PEOPLE_MAX} people")));
        }
    }
    Ok(gathering.finish())
}

/// What stands between the columns: whichever the first line has most of.
fn delimiter(bytes: &[u8]) -> u8 {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    let count = |sign: u8| first.matches(char::from(sign)).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|sign| count(*sign)).unwrap_or(b',')
}

/// Where each column is.
struct Columns {
    user_name: usize,
    mail: Option<usize>,
    full_name: Option<usize>,
    groups: Option<usize>,
}

impl Columns {
    fn of(headers: &StringRecord) -> Result<Self, ReadError> {
        let plain = |text: &str| {
            text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect::<String>()
        };
        let headers: Vec<String> = headers.iter().map(plain).collect();
        let [user_name, mail, full_name, groups] = COLUMNS.map(|(_, names)| {
            names.iter().find_map(|name| headers.iter().position(|header| header == name))
        });
        let user_name = user_name.ok_or_else(|| {
            ReadError::File(
                "the first line of the table names no column `user name`; it names the columns: user name, mail, \
                 full name, groups"
                    .to_owned(),
            )
        })?;
        Ok(Self { user_name, mail, full_name, groups })
    }

    fn person(&self, row: &StringRecord) -> Option<ProductPerson> {
        let cell = |column: Option<usize>| column.and_then(|at| row.get(at)).and_then(filled);
        let groups = cell(self.groups).unwrap_or_default();
        Some(ProductPerson {
            user_name: cell(Some(self.user_name))?,
            mail: cell(self.mail),
            full_name: cell(self.full_name),
            groups: groups.split([';', '|', '\n']).filter_map(filled).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_as_spreadsheets_write_them_are_read() {
        let expected = ProductPerson {
            user_name: "Alice".to_owned(),
            mail: Some("alice@example.org".to_owned()),
            full_name: Some("Smith, Alice".to_owned()),
            groups: vec!["jira users".to_owned(), "ops".to_owned()],
        };
        for table in [
            "User Name,E-Mail,Full name,Groups\nAlice,alice@example.org,\"Smith, Alice\",ops|jira users\n",
            "\u{feff}login;mail;display_name;groups\r\nAlice;alice@example.org;Smith, Alice;\"ops;jira users\"\r\n",
            "username\temail\tfullname\tgroup\nAlice\talice@example.org\tSmith, Alice\tops\nalice\t\t\tjira users\n",
        ] {
            let product = read(table.as_bytes()).unwrap();
            assert_eq!(product.people, std::slice::from_ref(&expected), "{table}");
            assert_eq!(product.groups, expected.groups);
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let error = read("mail,groups\na,b\n".as_bytes()).unwrap_err().to_string();
        assert!(error.contains("`user name`"), "{error}");
        let error = read(&b"login\n\xff\xfe\n"[..]).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("UTF-8"), "{error}");
        let product = read("login,mail\nalice,\n,nobody@example.org\n".as_bytes()).unwrap();
        assert_eq!((product.people.len(), product.people[0].mail.as_deref()), (1, None));
        assert_eq!(product.notes, ["line 3 has no user name and was left out"]);
    }
}

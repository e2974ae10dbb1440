//! People from a table (RFC 4180, or with semicolons or tabs, as spreadsheets write it).
//!
//! The first line names the columns. A person may have several rows, one for each group.

use std::io::Read;

use directory::text::{line, visible};

use super::{
    Gathering, PEOPLE_MAX, Product, ProductPerson, ReadError, filled,
    table::{self, Row},
};
use crate::text_file;

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
    let cannot = |error: &dyn std::fmt::Display| {
        ReadError::File(format!("the table cannot be read: {error}"))
    };
    file.read_to_end(&mut bytes).map_err(|error| cannot(&error))?;
    let text = text_file::decoded(bytes).map_err(|error| cannot(&error))?;
    let mut rows = table::rows(&text).map_err(|error| cannot(&error))?.into_iter();
    let mut gathering = Gathering::default();
    let head = rows.next().map(|row| row.cells).unwrap_or_default();
    let columns = Columns::of(&head, &mut gathering)?;
    for row in rows {
        let Some(person) = columns.person(&row)? else {
            gathering.note(format!("line {} has no user name and was left out", row.line));
            continue;
        };
        gathering.person(person);
        if gathering.count() > PEOPLE_MAX {
            return Err(ReadError::File(format!("the table has more than {PEOPLE_MAX} people")));
        }
    }
    Ok(gathering.finish())
}

/// Characters of a cell that a message repeats.
const SHOWN_CHARS_MAX: usize = 40;

/// Where each column is.
struct Columns {
    user_name: usize,
    mail: Option<usize>,
    full_name: Option<usize>,
    groups: Option<usize>,
}

impl Columns {
    fn of(head: &[String], gathering: &mut Gathering) -> Result<Self, ReadError> {
        let plain = |text: &String| {
            text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect::<String>()
        };
        let headers: Vec<String> = head.iter().map(plain).collect();
        for (at, header) in headers.iter().enumerate() {
            let twice = !header.is_empty() && headers[..at].contains(header);
            if twice {
                return Err(ReadError::File(format!(
                    "the first line of the table names the column `{}` twice; take one of them out",
                    visible(&head[at])
                )));
            }
        }
        let [user_name, mail, full_name, groups] = COLUMNS.map(|(what, names)| {
            let mut found = names.iter().filter_map(|name| headers.iter().position(|h| h == name));
            let first = found.next();
            for (used, other) in first.iter().zip(found) {
                gathering.note(format!(
                    "two columns could be the {what}: `{}` was read, `{}` was not",
                    visible(&head[*used]),
                    visible(&head[other])
                ));
            }
            first
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

    /// The person of a row; none without a user name.
    fn person(&self, row: &Row) -> Result<Option<ProductPerson>, ReadError> {
        let cell = |column: Option<usize>| column.and_then(|at| filled(&row.cells[at]));
        let of_one_line = [Some(self.user_name), self.mail, self.full_name];
        if let Some(at) = of_one_line.into_iter().flatten().find(|at| row.cells[*at].contains('\n'))
        {
            return Err(ReadError::File(format!(
                "the table cannot be read: line {}: `{}` goes over several lines; is a quotation mark missing?",
                row.line,
                line(&row.cells[at], SHOWN_CHARS_MAX)
            )));
        }
        let groups = cell(self.groups).unwrap_or_default();
        Ok(cell(Some(self.user_name)).map(|user_name| ProductPerson {
            user_name,
            mail: cell(self.mail),
            full_name: cell(self.full_name),
            groups: groups.split([';', '|', '\n']).filter_map(filled).collect(),
        }))
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

    #[test]
    fn what_is_malformed_is_an_error_with_its_line() {
        let utf16 = |text: &str| -> Vec<u8> {
            [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
        };
        for (table, says) in [
            // An unclosed quotation mark: at the end, closed by the next one, closed where a cell ends.
            ("login,mail\nann,\"a@x\nbob,b@x\n", "line 2: a quotation mark is not closed"),
            ("login,mail\n\"ann,a@x\nbob,b@x\n", "line 2: a quotation mark is not closed"),
            ("login,mail\nann,\"a@x\nbob,\"b@x\"\n", "line 3: more stands behind"),
            ("login,mail\nann,\"a@x\nbob,b@x\"\n", "line 2: a cell has a whole row in it"),
            ("login,mail\nann,\"a@x\nb@x\"\n", "line 2: `a@x\\nb@x` goes over several lines"),
            ("login,groups\nann,\"g1\nbob,g2\"\n", "line 2: a cell has a whole row in it"),
            ("\"login,mail\nann,a@x\n", "line 1: a quotation mark is not closed"),
            // Quotation marks within what is not quoted.
            ("login,fullname\nann,Ann \"Annie\" Lee\n", "line 2: a quotation mark stands within"),
            ("login\tfullname\nann\tAnn\"\n", "line 2: a quotation mark stands within"),
            ("login,fullname\nann,\"Ann\" Lee\n", "line 2: more stands behind"),
            // Rows of another number of columns.
            ("login,mail\nann,a@x\nbob\n", "line 3 has 1 columns, and the first line names 2"),
            ("login,mail\nann,a@x,g\n", "line 2 has 3 columns"),
            ("login,mail,groups\nann,a@x,g\nbob,b@", "line 3 has 2 columns"),
            ("login;fullname\nann;Lee; Ann\n", "line 2 has 3 columns"),
            ("login\tmail\nann\n", "line 2 has 1 columns"),
            // Columns that are there twice, or not at all.
            ("login,Mail,mail\nann,a,b\n", "`mail` twice"),
            ("x,User Name,user_name\n,ann,b\n", "`user_name` twice"),
            ("mail,groups\na,b\n", "no column `user name`"),
            ("", "no column `user name`"),
            ("login,mail\nann,\0\n", "line 2 has a NUL"),
        ] {
            for bytes in
                [table.as_bytes().to_vec(), utf16(table), table.replace('\n', "\r\n").into_bytes()]
            {
                let error = read(&*bytes).unwrap_err().to_string();
                assert!(error.contains(says), "{table}: {error}");
            }
        }
        let product = read(&*utf16("login;mail\nann;a@x\n")).unwrap();
        assert_eq!(product.people[0].mail.as_deref(), Some("a@x"));
        let product = read("login,user\nann,bob\n".as_bytes()).unwrap();
        assert_eq!(product.people[0].user_name, "bob");
        assert_eq!(
            product.notes,
            ["two columns could be the user name: `user` was read, `login` was not"]
        );
    }
}

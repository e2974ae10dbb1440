//! Rows of a table of text (RFC 4180, or with semicolons or tabs), read strictly.
//!
//! Invariant: either every row has as many columns as the first, or there is an error with its line. A quotation mark that
//! is missing somewhere swallows no row: what would be a row inside quotation marks is an error too.

use directory::text::line as shown;

/// Characters of a cell that a message repeats.
const SHOWN_CHARS_MAX: usize = 40;

/// A row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The line that it begins in, from 1.
    pub(super) line: usize,
    /// Its cells, without quotation marks, and without white space around what is not quoted.
    pub(super) cells: Vec<String>,
}

/// The rows of a table, the one that names the columns first. Empty lines are left out.
///
/// # Errors
/// Names the line and what is wrong there.
pub(super) fn rows(text: &str) -> Result<Vec<Row>, String> {
    let (text, said) = separator_line(text);
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let delimiter = said.unwrap_or_else(|| delimiter(first));
    let mut reader = Reader { text, at: 0, line: 1 + usize::from(said.is_some()), delimiter };
    let mut rows: Vec<Row> = Vec::new();
    while let Some(row) = reader.row()? {
        if row.cells.iter().all(String::is_empty) && row.cells.len() == 1 {
            continue;
        }
        if let Some(head) = rows.first() {
            check(&row, head, delimiter)?;
        }
        rows.push(row);
    }
    Ok(rows)
}

fn check(row: &Row, head: &Row, delimiter: char) -> Result<(), String> {
    let (columns, found) = (head.cells.len(), row.cells.len());
    let line = row.line;
    if columns != found {
        let quote = if found > columns {
            "; a cell with the separator in it stands in quotation marks"
        } else {
            "; is it cut off?"
        };
        return Err(format!(
            "line {line} has {found} columns, and the first line names {columns}{quote}"
        ));
    }
    let looks_like_a_row =
        |part: &str| columns > 1 && part.matches(delimiter).count() >= columns - 1;
    for cell in row.cells.iter().filter(|cell| cell.contains('\n')) {
        if let Some(part) = cell.split('\n').skip(1).find(|part| looks_like_a_row(part)) {
            return Err(format!(
                "line {line}: a cell has a whole row in it (`{}`); is a quotation mark missing?",
                shown(part, SHOWN_CHARS_MAX)
            ));
        }
    }
    Ok(())
}

/// What a first line `sep=;` says, which Excel writes and reads, and the rest.
fn separator_line(text: &str) -> (&str, Option<char>) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let said = first.trim_end_matches('\r').strip_prefix("sep=");
    match said.map(|said| said.chars().collect::<Vec<_>>()).as_deref() {
        Some([sign]) => (rest, Some(*sign)),
        _ => (text, None),
    }
}

/// What stands between the columns: whichever the first line has most of, outside of quotation marks.
fn delimiter(first: &str) -> char {
    let unquoted: String = first.split('"').step_by(2).collect();
    let count = |sign: char| unquoted.matches(sign).count();
    [',', ';', '\t'].into_iter().rev().max_by_key(|sign| count(*sign)).unwrap_or(',')
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    delimiter: char,
}

impl Reader<'_> {
    fn row(&mut self) -> Result<Option<Row>, String> {
        if self.at == self.text.len() {
            return Ok(None);
        }
        let mut row = Row { line: self.line, cells: Vec::new() };
        loop {
            let cell = if self.rest().trim_start_matches(' ').starts_with('"') {
                self.quoted()?
            } else {
                self.plain()?
            };
            row.cells.push(cell);
            match self.next() {
                Some(sign) if sign == self.delimiter => {}
                _ => return Ok(Some(row)),
            }
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn next(&mut self) -> Option<char> {
        let sign = self.rest().chars().next()?;
        self.at += sign.len_utf8();
        // A line ends with LF, CR LF, or, as old Macs wrote it, CR.
        if sign == '\r' && self.rest().starts_with('\n') {
            self.at += 1;
        }
        if matches!(sign, '\n' | '\r') {
            self.line += 1;
            return Some('\n');
        }
        Some(sign)
    }

    /// A cell without quotation marks, up to what ends it.
    fn plain(&mut self) -> Result<String, String> {
        let ends = |sign: char| sign == self.delimiter || matches!(sign, '\n' | '\r');
        let length = self.rest().find(ends).unwrap_or(self.rest().len());
        let cell = &self.rest()[..length];
        if cell.contains('"') {
            return Err(format!(
                "line {}: a quotation mark stands within `{}`; put the whole cell in quotation marks, and this one \
                 twice",
                self.line,
                shown(cell.trim(), SHOWN_CHARS_MAX)
            ));
        }
        let cell = cell.trim().to_owned();
        self.at += length;
        Ok(cell)
    }

    /// A cell in quotation marks, up to what ends it.
    fn quoted(&mut self) -> Result<String, String> {
        let begun = self.line;
        while self.next() != Some('"') {}
        let mut cell = String::new();
        loop {
            match self.next() {
                None => {
                    return Err(format!(
                        "line {begun}: a quotation mark is not closed before the table ends"
                    ));
                }
                Some('"') if self.rest().starts_with('"') => {
                    self.at += 1;
                    cell.push('"');
                }
                Some('"') => break,
                Some(sign) => cell.push(sign),
            }
        }
        let padding = self.rest().len() - self.rest().trim_start_matches(' ').len();
        self.at += padding;
        match self.rest().chars().next() {
            None | Some('\n' | '\r') => Ok(cell.trim().to_owned()),
            Some(sign) if sign == self.delimiter => Ok(cell.trim().to_owned()),
            Some(_) => Err(format!(
                "line {}: more stands behind a closing quotation mark (the cell begins in line {begun}); is one \
                 missing, or to be written twice?",
                self.line
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cells(text: &str) -> Vec<Vec<String>> {
        rows(text).unwrap().into_iter().map(|row| row.cells).collect()
    }

    #[test]
    fn rows_are_read_with_quotation_marks_line_breaks_and_every_line_end() {
        for end in ["\n", "\r\n", "\r"] {
            let text = "a,b\n\n\"x, \"\"y\"\"\", z \n \"1\n2\" ,\n".replace('\n', end);
            assert_eq!(cells(&text), [["a", "b"], ["x, \"y\"", "z"], ["1\n2", ""]]);
            assert_eq!(rows(&text).unwrap()[2].line, 4);
        }
        assert_eq!(cells("sep=|\na|b\n1|2"), [["a", "b"], ["1", "2"]]);
        assert_eq!(cells("\"a,b,c\";d\nx;y"), [["a,b,c", "d"], ["x", "y"]]);
        assert_eq!(cells(""), Vec::<Vec<String>>::new());
    }

    proptest! {
        #[test]
        fn what_is_written_by_the_rules_is_read_again(
            table in prop::collection::vec(prop::collection::vec("[a-z \",;\té😀]{0,6}", 3), 1..6)
        ) {
            let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let line = |row: &Vec<String>| row.iter().map(quoted).collect::<Vec<_>>().join(",");
            let text: Vec<String> = table.iter().map(line).collect();
            let expected: Vec<Vec<String>> =
                table.iter().map(|row| row.iter().map(|cell| cell.trim().to_owned()).collect()).collect();
            prop_assert_eq!(cells(&text.join("\n")), expected);
        }

        #[test]
        fn a_quotation_mark_too_few_or_too_many_is_never_read_in_silence(
            rows_before in 0_usize..3, rows_after in 0_usize..3, column in 0_usize..3, at_end in any::<bool>()
        ) {
            let mut lines = vec!["name,mail,groups".to_owned()];
            lines.extend((0..rows_before).map(|n| format!("\"p{n}\",p{n}@x,\"a;b\"")));
            let mut cells = ["q".to_owned(), "q@x".to_owned(), "a;b".to_owned()];
            cells[column] = if at_end { format!("{}\"", cells[column]) } else { format!("\"{}", cells[column]) };
            lines.push(cells.join(","));
            lines.extend((0..rows_after).map(|n| format!("\"r{n}\",r{n}@x,\"a;b\"")));
            prop_assert!(rows(&lines.join("\n")).is_err(), "{:?}", lines);
        }
    }
}

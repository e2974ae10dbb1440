//! Inputs made from the corpus by breaking it.

use std::{fs, path::Path};

use crate::chance::Chance;

/// Pieces that mean something to a parser.
const PIECES: &[&str] = &[
    "<",
    ">",
    "/>",
    "</",
    "<a>",
    "</a>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?",
    "?>",
    "&",
    "&amp;",
    "&#0;",
    "&#x110000;",
    "&x;",
    "<!DOCTYPE a [",
    "<!ENTITY x 'y'>",
    "xmlns:a=''",
    "=\"",
    "='",
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "null",
    "true",
    "-0",
    "1e400",
    "9999999999999999999999",
    "\\u0000",
    "\\ud800",
    "\\",
    "(",
    ")",
    " and ",
    " or ",
    "=",
    "!",
    "*",
    "\0",
    "\u{feff}",
    "\u{202e}",
    "İ",
    "ß",
    "\r\n",
    "\t",
    "%",
    "%zz",
    "%00",
    "null-search-restriction",
    "property-search-restriction",
    "boolean-search-restriction",
    "restrictions",
    "boolean-logic",
    "match-mode",
    "NULL",
    "value",
    "property",
    "name",
    "type",
    "active",
    "createdDate",
    "2024-02-30",
    "-0001",
    "+9999",
    "9999-12-31T23:59:59.999-2359",
    "T24",
    "restriction-type",
];

/// What clients send, by kind.
pub(crate) struct Corpus(Vec<(String, Vec<u8>)>);

impl Corpus {
    /// The files beside this one.
    pub(crate) fn read() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = paths
            .map(|path| {
                let kind = path.extension().unwrap().to_string_lossy().into_owned();
                (kind, fs::read(path).unwrap())
            })
            .collect();
        files.sort();
        Self(files)
    }

    /// One of them, broken in a few places, with its kind.
    pub(crate) fn broken(&self, chance: &mut Chance) -> (&str, Vec<u8>) {
        let (kind, sample) = &self.0[chance.below(self.0.len())];
        let mut bytes = sample.clone();
        for _ in 0..chance.below(6) {
            self.break_once(chance, &mut bytes);
        }
        (kind, bytes)
    }

    fn break_once(&self, chance: &mut Chance, bytes: &mut Vec<u8>) {
        let at = chance.below(bytes.len() + 1);
        let end = at + chance.below((bytes.len() - at).min(40) + 1);
        match chance.below(8) {
            0 => drop(bytes.drain(at..end)),
            1 => bytes.truncate(at),
            2 => bytes.insert(at, chance.number() as u8),
            3 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            4 => {
                // Much of the same, wide or deep.
                let most = if chance.once_in(20) { 20_000 } else { 20 };
                let times = 1 + chance.below(most);
                let piece = bytes[at..end].repeat(times);
                bytes.splice(at..at, piece);
            }
            5 => {
                let other = &self.0[chance.below(self.0.len())].1;
                let from = chance.below(other.len());
                bytes.splice(at..end, other[from..].iter().copied());
            }
            _ => {
                let piece = chance.pick(PIECES).as_bytes();
                let times = if chance.once_in(30) { 5_000 } else { 1 + chance.below(3) };
                bytes.splice(at..at, piece.repeat(times));
            }
        }
    }
}

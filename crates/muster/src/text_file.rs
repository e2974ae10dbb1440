//! Files of text that people write or programs export, whatever they were saved as.
//!
//! Invariant: what comes out is the whole file; bytes that are no text are an error with their line, never replaced or
//! left out. UTF-8 and UTF-16 with a byte order mark are read (Windows writes the latter), without the mark.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

/// Why a file is no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// Bytes that are not UTF-8.
    #[error("line {0} is not UTF-8; save it as UTF-8")]
    NotUtf8(usize),
    /// UTF-16 that ends within a character, or holds half of one.
    #[error("line {0} is not whole UTF-16; save it as UTF-8")]
    NotUtf16(usize),
    /// A NUL, as in UTF-16 without a mark, and in files that are no texts.
    #[error("line {0} has a NUL character; is it text? save it as UTF-8")]
    Nul(usize),
}

/// Reads a file of text; `-` is standard input.
///
/// # Errors
/// When it cannot be read, or is no text.
pub fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        io::stdin().read_to_end(&mut bytes)?;
    } else {
        bytes = fs::read(path)?;
    }
    decoded(bytes).map_err(io::Error::other)
}

/// The text that bytes hold.
///
/// # Errors
/// Says in which line they are no text.
pub fn decoded(bytes: Vec<u8>) -> Result<String, NotText> {
    let text = match bytes.as_slice() {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        [0xEF, 0xBB, 0xBF, ..] => utf8(bytes[3..].to_vec())?,
        _ => utf8(bytes)?,
    };
    match text.find('\0') {
        None => Ok(text),
        Some(at) => Err(NotText::Nul(line(&text.as_bytes()[..at]))),
    }
}

fn utf8(bytes: Vec<u8>) -> Result<String, NotText> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        NotText::NotUtf8(line(valid))
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, NotText> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    for sign in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        text.push(sign.map_err(|_| NotText::NotUtf16(line(text.as_bytes())))?);
    }
    if rest.is_empty() { Ok(text) } else { Err(NotText::NotUtf16(line(text.as_bytes()))) }
}

/// The line that begins before what follows these bytes.
fn line(before: &[u8]) -> usize {
    before.split(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_whatever_they_were_saved_as_or_the_line_is_named() {
        let utf16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            mark.into_iter().chain("é😀\n".encode_utf16().flat_map(bytes)).collect()
        };
        let whole = [
            "é😀\n".as_bytes().to_vec(),
            "\u{feff}é😀\n".as_bytes().to_vec(),
            utf16([0xFF, 0xFE], u16::to_le_bytes),
            utf16([0xFE, 0xFF], u16::to_be_bytes),
        ];
        for bytes in whole {
            assert_eq!(decoded(bytes).unwrap(), "é😀\n");
        }
        for (bytes, error) in [
            (&b"a\nb\xe9c"[..], NotText::NotUtf8(2)),
            (b"a\nb\nc\xf0\x9f\x98", NotText::NotUtf8(3)),
            (b"a\n\0", NotText::Nul(2)),
            (b"a\0\n\0", NotText::Nul(1)),
            (b"\xff\xfea\0\n\0b", NotText::NotUtf16(2)),
            (b"\xff\xfe\x3d\xd8a\0", NotText::NotUtf16(1)),
            (b"\xff\xfe\0\0a\0\0\0", NotText::Nul(1)),
        ] {
            assert_eq!(decoded(bytes.to_vec()), Err(error), "{bytes:?}");
        }
    }
}

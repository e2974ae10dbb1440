//! Bytes of stored records: numbers in LEB128, texts with their length before them.
//!
//! Invariant: reading never panics and never allocates more than the input's length.

/// Writes a record.
#[derive(Debug, Default)]
pub(crate) struct Packer(pub(crate) Vec<u8>);

impl Packer {
    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub(crate) fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Ascending numbers, each as its distance from the one before.
    pub(crate) fn ascending(&mut self, numbers: impl ExactSizeIterator<Item = u32>) {
        self.number(numbers.len() as u64);
        let mut before = 0;
        for number in numbers {
            self.number(u64::from(number.wrapping_sub(before)));
            before = number;
        }
    }
}

/// A record that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record is cut short or garbled")]
pub(crate) struct Garbled;

/// Reads a record.
#[derive(Debug)]
pub(crate) struct Unpacker<'a>(pub(crate) &'a [u8]);

impl<'a> Unpacker<'a> {
    pub(crate) fn byte(&mut self) -> Result<u8, Garbled> {
        let (first, rest) = self.0.split_first().ok_or(Garbled)?;
        self.0 = rest;
        Ok(*first)
    }

    /// A byte that says no (0) or yes (1) and nothing else.
    pub(crate) fn flag(&mut self) -> Result<bool, Garbled> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Garbled),
        }
    }

    pub(crate) fn number(&mut self) -> Result<u64, Garbled> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Garbled)
    }

    pub(crate) fn small(&mut self) -> Result<u32, Garbled> {
        u32::try_from(self.number()?).map_err(|_| Garbled)
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Garbled> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Garbled> {
        let length = usize::try_from(self.number()?).map_err(|_| Garbled)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Garbled)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Garbled> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Garbled)
    }

    pub(crate) fn ascending(&mut self) -> Result<Vec<u32>, Garbled> {
        let count = usize::try_from(self.number()?).map_err(|_| Garbled)?;
        // Each number takes a byte at least.
        if count > self.0.len() {
            return Err(Garbled);
        }
        let mut numbers = Vec::with_capacity(count);
        let mut before = 0_u32;
        for _ in 0..count {
            before = before.wrapping_add(self.small()?);
            numbers.push(before);
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(number: u64, signed: i64, text in ".{0,20}", mut list: Vec<u32>) {
            list.sort_unstable();
            list.dedup();
            let mut packer = Packer::default();
            packer.number(number);
            packer.signed(signed);
            packer.bytes(text.as_bytes());
            packer.ascending(list.iter().copied());
            let mut unpacker = Unpacker(&packer.0);
            prop_assert_eq!(unpacker.number(), Ok(number));
            prop_assert_eq!(unpacker.signed(), Ok(signed));
            prop_assert_eq!(unpacker.text(), Ok(text.as_str()));
            prop_assert_eq!(unpacker.ascending(), Ok(list));
            prop_assert!(unpacker.0.is_empty());
        }

        #[test]
        fn garbage_is_refused_and_never_panics(bytes: Vec<u8>) {
            let mut unpacker = Unpacker(&bytes);
            let _ = unpacker.ascending();
            let _ = unpacker.text();
            let _ = unpacker.signed();
        }
    }
}

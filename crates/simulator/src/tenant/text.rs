//! All texts of a tenant in one buffer, so that a million people cost no million allocations.
//!
//! Invariant: a [`Text`] stays valid as long as its tenant. Changed texts are appended; the old bytes stay.

/// Where a text lies in the buffer, or nowhere (null).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text {
    start: u32,
    bytes: u16,
}

impl Text {
    /// The null text.
    pub(crate) const NONE: Self = Self { start: u32::MAX, bytes: 0 };

    /// Whether this is null.
    pub(crate) fn is_none(self) -> bool {
        self.start == u32::MAX
    }
}

/// The buffer.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    buffer: String,
}

impl Texts {
    /// An empty buffer with room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { buffer: String::with_capacity(bytes) }
    }

    /// Stores a text. Texts are at most 64 KiB; longer ones are cut at the edge by the callers' checks.
    pub(crate) fn add(&mut self, text: &str) -> Text {
        let start = self.buffer.len();
        self.buffer.push_str(text);
        self.since(start)
    }

    /// Stores a text or null.
    pub(crate) fn add_option(&mut self, text: Option<&str>) -> Text {
        text.map_or(Text::NONE, |text| self.add(text))
    }

    /// The text that was appended to [`Self::buffer`] since it had `start` bytes.
    pub(crate) fn since(&self, start: usize) -> Text {
        Text {
            start: u32::try_from(start).expect("the texts of a tenant stay under 4 GiB"),
            bytes: u16::try_from(self.buffer.len() - start).expect("a text stays under 64 KiB"),
        }
    }

    /// Where the next text will start.
    pub(crate) fn end(&self) -> usize {
        self.buffer.len()
    }

    /// The buffer, for building a text in place; see [`Self::since`].
    pub(crate) fn buffer(&mut self) -> &mut String {
        &mut self.buffer
    }

    /// The text, or `None` for null.
    pub(crate) fn get(&self, text: Text) -> Option<&str> {
        if text.is_none() {
            return None;
        }
        let start = text.start as usize;
        Some(&self.buffer[start..start + usize::from(text.bytes)])
    }
}

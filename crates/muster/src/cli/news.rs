//! That something changed, told by the server as it happens: what `--follow` waits for.
//!
//! Invariant: only the numbers of changes are read here; what changed is asked for like everything else.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use reqwest::Response;

/// The server's events (`/api/v1/events`), as far as they number changes.
pub(super) struct News {
    chunks: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    numbers: Numbers,
}

/// Reads the lines of an event stream that say `id: NUMBER`.
#[derive(Debug, Default)]
struct Numbers {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
}

impl News {
    pub(super) fn of(response: Response) -> Self {
        Self { chunks: Box::pin(response.bytes_stream()), numbers: Numbers::default() }
    }

    /// Waits for changes; `false` when the server ends the stream, as it does after an hour and when it stops.
    pub(super) async fn come(&mut self) -> bool {
        while let Some(Ok(chunk)) = self.chunks.next().await {
            if self.numbers.has_one(&chunk) {
                return true;
            }
        }
        false
    }
}

impl Numbers {
    /// Whether a number came to an end with this chunk.
    fn has_one(&mut self, chunk: &[u8]) -> bool {
        let mut found = false;
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            // Data may be long, and only the beginning of a line tells what it is.
            let room = 32_usize.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                found |= self.line.starts_with(b"id:");
                self.line.clear();
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;

    #[test]
    fn numbers_are_found_wherever_a_chunk_ends() {
        let text =
            b"event: directory\ndata: {\"id: 1\":2}\n\n:\n\nevent: change\nid: 77\ndata: {}\n\n";
        for size in 1..text.len() {
            let mut numbers = Numbers::default();
            let found = text.chunks(size).filter(|chunk| numbers.has_one(chunk)).count();
            assert_eq!(found, 1, "chunks of {size}");
        }
        let mut numbers = Numbers::default();
        assert!(!numbers.has_one(b"data: id: 7\n\n:id: 7\n\n"));
    }
}

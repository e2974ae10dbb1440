//! Graph's pages: rows, and what a page says about itself.

use crate::json::push_text;

/// Rows of a page, separated by commas.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) bytes: Vec<u8>,
    pub(super) count: usize,
}

impl Rows {
    /// Room for so many rows of a usual size.
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self { bytes: Vec::with_capacity(rows * 320), count: 0 }
    }

    /// Begins a row.
    pub(super) fn next(&mut self) -> &mut Vec<u8> {
        if self.count > 0 {
            self.bytes.push(b',');
        }
        self.count += 1;
        &mut self.bytes
    }
}

/// What a page says about itself and what follows it.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) context: String,
    pub(super) count: Option<usize>,
    pub(super) next_link: Option<String>,
    pub(super) delta_link: Option<String>,
}

impl Head {
    /// The whole page.
    pub(super) fn page(&self, rows: &Rows) -> Vec<u8> {
        let mut out = Vec::with_capacity(rows.bytes.len() + 1024);
        out.extend_from_slice(b"{\"@odata.context\":");
        push_text(&mut out, &self.context);
        if let Some(count) = self.count {
            out.extend_from_slice(format!(",\"@odata.count\":{count}").as_bytes());
        }
        let links = [("@odata.nextLink", &self.next_link), ("@odata.deltaLink", &self.delta_link)];
        for (name, link) in links {
            if let Some(link) = link {
                out.push(b',');
                push_text(&mut out, name);
                out.push(b':');
                push_text(&mut out, link);
            }
        }
        out.extend_from_slice(b",\"value\":[");
        out.extend_from_slice(&rows.bytes);
        out.extend_from_slice(b"]}");
        out
    }
}

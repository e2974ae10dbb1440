//! Addresses of resources, as entities carry them.
//!
//! Invariant: made of characters that XML, JSON and URLs take as they are, whatever the request's `Host`
//! or a name holds.

use axum::http::{header, request::Parts};

use crate::peer::Peer;

/// The API's path behind the context.
pub(super) const API: &str = "/rest/usermanagement/1";

/// The address under which the client reached the server, up to the version.
#[derive(Clone, Debug)]
pub(super) struct Links {
    base: Box<str>,
    secure: bool,
}

impl Links {
    /// From the request; behind a trusted proxy from what the proxy says.
    pub(super) fn of(parts: &Parts, peer: Peer, context: &str) -> Self {
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let forwarded = |name: &str| {
            let value = text(name).filter(|_| peer.proxied)?;
            value.split(',').next_back().map(str::trim)
        };
        let host = forwarded("x-forwarded-host")
            .or_else(|| parts.uri.authority().map(axum::http::uri::Authority::as_str))
            .or_else(|| text(header::HOST.as_str()))
            .filter(|host| is_host(host))
            .unwrap_or("localhost");
        let secure =
            forwarded("x-forwarded-proto").is_some_and(|p| p.eq_ignore_ascii_case("https"));
        let scheme = if secure { "https" } else { "http" };
        let base = format!("{scheme}://{host}{context}{API}");
        Self { base: base.into(), secure }
    }

    /// Where the API is.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Whether the client speaks TLS.
    pub(super) fn secure(&self) -> bool {
        self.secure
    }
}

fn is_host(host: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~:[]".contains(&b);
    (1..=255).contains(&host.len()) && host.bytes().all(fits)
}

/// Percent-encodes a name for a query.
pub(super) fn encode(name: &str) -> std::borrow::Cow<'_, str> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~@".contains(&b);
    if name.bytes().all(plain) {
        return name.into();
    }
    let mut encoded = String::with_capacity(name.len() * 3);
    for byte in name.bytes() {
        if plain(byte) {
            encoded.push(byte.into());
        } else {
            let digit = |at: u8| char::from(DIGITS[usize::from(at)]);
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_for_queries() {
        assert_eq!(encode("ann@example.org"), "ann@example.org");
        assert_eq!(encode("a b+c&ö%\""), "a%20b%2Bc%26%C3%B6%25%22");
        assert!(is_host("[::1]:8095") && !is_host("a\"b") && !is_host(""));
    }
}

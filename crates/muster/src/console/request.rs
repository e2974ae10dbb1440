//! Who calls, and how this server was reached: what addresses shown on a page are made of.
//!
//! Invariant: headers that a proxy sets count only when the connection comes from a trusted proxy.

use axum::http::{HeaderMap, header, request::Parts};
use url::Url;

use crate::peer::{Origin, Peer};

/// A caller of the console.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The client's address, behind trusted proxies.
    pub(crate) client: Origin,
    /// Whether the client's connection is encrypted.
    pub(crate) secure: bool,
    /// The host, and port if it is not the usual one, that the client named.
    pub(crate) host: String,
}

impl Caller {
    pub(crate) fn of(parts: &Parts, public: Option<&Url>) -> Self {
        let Peer { client, proxied } = Peer::of(parts);
        let forwarded = |name: &str| text(&parts.headers, name).filter(|_| proxied);
        let authority = parts.uri.authority().map(ToString::to_string);
        let host = forwarded("x-forwarded-host").or(authority);
        let host = host.or_else(|| text(&parts.headers, "host")).unwrap_or_default();
        let secure = match forwarded("x-forwarded-proto") {
            Some(scheme) => scheme.eq_ignore_ascii_case("https"),
            // A proxy that was not declared or does not say: the operator says how the server is reached.
            None => public.is_some_and(|url| url.scheme() == "https" && authority_of(url) == host),
        };
        Self { client, secure, host }
    }

    /// The address of this server as the caller wrote it, without a slash at the end.
    pub(crate) fn base(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.host)
    }

    /// Whether the caller named this machine itself, so that nothing goes over a network.
    pub(crate) fn names_this_machine(&self) -> bool {
        let Ok(url) = Url::parse(&self.base()) else { return false };
        match url.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        }
    }

    /// Whether a request that changes something comes from a page of this server. Browsers say so in
    /// `Sec-Fetch-Site`, and where they do not, in `Origin`.
    pub(crate) fn is_own_page(&self, headers: &HeaderMap, public: Option<&Url>) -> bool {
        if let Some(site) = text(headers, "sec-fetch-site") {
            return site == "same-origin" || site == "none";
        }
        let Some(origin) = text(headers, header::ORIGIN.as_str()) else { return false };
        origin == self.base()
            || public.is_some_and(|url| url.origin().ascii_serialization() == origin)
    }
}

/// Host and port of an address, as a `Host` header has it.
fn authority_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use axum::http::Request;

    use super::*;

    fn caller(peer: &str, headers: &[(&str, &str)]) -> Caller {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let client = Origin::from(peer.parse::<IpAddr>().unwrap());
        parts.extensions.insert(Peer { client, proxied: peer == "10.0.0.1" });
        let public = Url::parse("https://muster.example.org").unwrap();
        Caller::of(&parts, Some(&public))
    }

    #[test]
    fn only_trusted_proxies_say_how_the_server_was_reached() {
        let forwarded = [
            ("host", "inside:8095"),
            ("x-forwarded-host", "m.example.org"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-for", "192.0.2.7"),
        ];
        let through = caller("10.0.0.1", &forwarded);
        assert_eq!(through.base(), "https://m.example.org");
        let past = caller("192.0.2.1", &forwarded);
        assert_eq!((past.base().as_str(), past.secure), ("http://inside:8095", false));
        assert_eq!(past.client.to_string(), "192.0.2.1");
        let public = ("host", "muster.example.org");
        assert!(caller("192.0.2.1", &[public]).secure);
        // What a declared proxy says counts more than what the operator said of the address.
        for (scheme, secure) in [("http", false), ("HTTP", false), ("https", true), ("HTTPS", true)]
        {
            let said = ("x-forwarded-proto", scheme);
            assert_eq!(caller("10.0.0.1", &[public, said]).secure, secure, "{scheme}");
            assert!(caller("192.0.2.1", &[public, said]).secure, "{scheme}");
        }
        assert!(caller("10.0.0.1", &[public]).secure, "the proxy does not say");
    }

    #[test]
    fn this_machine_is_told_from_others() {
        let named = |host: &str| caller("127.0.0.1", &[("host", host)]).names_this_machine();
        assert!(named("127.0.0.1:8095") && named("localhost:8095") && named("[::1]:8095"));
        assert!(!named("evil.example") && !named("10.0.0.1:8095") && !named(""));
    }

    #[test]
    fn a_foreign_page_changes_nothing() {
        let me = caller("127.0.0.1", &[("host", "localhost:8095")]);
        let own = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            me.is_own_page(&headers, None)
        };
        assert!(own("sec-fetch-site", "same-origin") && own("origin", "http://localhost:8095"));
        assert!(!own("sec-fetch-site", "cross-site") && !own("sec-fetch-site", "same-site"));
        assert!(!own("origin", "http://localhost:9000") && !own("origin", "null"));
        assert!(!own("accept", "text/html"), "a request that does not say is not believed");
    }
}

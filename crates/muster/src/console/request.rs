//! Who calls, and how this server was reached: what addresses shown on a page are made of.
//!
//! Invariant: headers that a proxy sets count only when the connection comes from a trusted proxy.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{HeaderMap, header, request::Parts},
};
use ipnet::IpNet;
use url::Url;

/// A caller of the console.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The client's address, behind trusted proxies.
    pub(crate) client: IpAddr,
    /// Whether the client's connection is encrypted.
    pub(crate) secure: bool,
    /// The host, and port if it is not the usual one, that the client named.
    pub(crate) host: String,
}

impl Caller {
    pub(crate) fn of(parts: &Parts, trusted: &[IpNet], public: Option<&Url>) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip().to_canonical());
        let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(ip));
        let authority = parts.uri.authority().map(ToString::to_string);
        let host = authority.or_else(|| text(&parts.headers, "host")).unwrap_or_default();
        let mut caller = Self { client: peer, secure: false, host };
        if is_trusted(&peer) {
            caller.client = client(&parts.headers, peer, is_trusted);
            caller.secure = text(&parts.headers, "x-forwarded-proto").as_deref() == Some("https");
            if let Some(host) = text(&parts.headers, "x-forwarded-host") {
                caller.host = host;
            }
        }
        // A proxy that was not declared: the operator says how the server is reached.
        if let Some(public) = public
            && public.scheme() == "https"
            && authority_of(public) == caller.host
        {
            caller.secure = true;
        }
        caller
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

/// The rightmost hop that is no trusted proxy.
fn client(headers: &HeaderMap, peer: IpAddr, is_trusted: impl Fn(&IpAddr) -> bool) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for");
    let hops: Vec<&str> =
        lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|l| l.split(',')).collect();
    let mut client = peer;
    for hop in hops.into_iter().rev() {
        let Some(ip) = address(hop.trim()) else { break };
        client = ip;
        if !is_trusted(&ip) {
            break;
        }
    }
    client
}

/// The address of one hop; some proxies add the port.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let ip = bare.parse::<IpAddr>().ok().or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()));
    ip.map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn caller(peer: &str, headers: &[(&str, &str)]) -> Caller {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let peer: IpAddr = peer.parse().unwrap();
        parts.extensions.insert(ConnectInfo(SocketAddr::new(peer, 1)));
        let public = Url::parse("https://muster.example.org").unwrap();
        Caller::of(&parts, &["10.0.0.0/8".parse().unwrap()], Some(&public))
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
        assert_eq!(through.client.to_string(), "192.0.2.7");
        let past = caller("192.0.2.1", &forwarded);
        assert_eq!((past.base().as_str(), past.secure), ("http://inside:8095", false));
        assert_eq!(past.client.to_string(), "192.0.2.1");
        assert!(caller("192.0.2.1", &[("host", "muster.example.org")]).secure);
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

//! The server's address and the trust in its certificate, as the command line checks them.
//!
//! Invariants: the token goes unencrypted to this machine only, unless the administrator asks for more; it never
//! goes where a redirection leads.

use std::{
    error::Error as StdError,
    ffi::OsStr,
    fs, io,
    net::{IpAddr, TcpListener},
    path::{Path, PathBuf},
};

use ::directory::error_chain::causes;
use rustls::{
    CertificateError, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use url::{Host, Url};

use crate::safe;

/// Errors of reaching a server; each names the address or the file.
#[derive(Debug, thiserror::Error)]
pub(super) enum RemoteError {
    #[error(
        "the server's address `{url}` ({from}) cannot be used: {why}; an address is such as {EXAMPLE}"
    )]
    Address { url: String, from: &'static str, why: String },
    #[error(
        "{base} ({from}) is another machine, and with http:// the token would go over the network unencrypted; use \
         https://, or --insecure-http if nobody can listen on the way"
    )]
    Unencrypted { base: String, from: &'static str },
    #[error("the file of certificates {} (--ca-file, MUSTER_CA_FILE) cannot be read", path.display())]
    FileUnreadable { path: PathBuf, source: io::Error },
    #[error(
        "the file {} (--ca-file, MUSTER_CA_FILE) has no certificate; it must be PEM, with lines \
         `-----BEGIN CERTIFICATE-----`",
        path.display()
    )]
    NoCertificate { path: PathBuf },
    #[error(
        "certificate {number} in the file {} (--ca-file, MUSTER_CA_FILE) is damaged ({why}); export it again",
        path.display()
    )]
    Damaged { path: PathBuf, number: usize, why: String },
    #[error(
        "no TLS client can be made ({why}); install the system's certificates (package ca-certificates), or name a \
         file of certificates with --ca-file"
    )]
    NoClient { why: String },
    #[error(
        "the TLS certificate of the server at {base} is not trusted ({why}); name the certificate of the authority \
         that signed it with --ca-file or MUSTER_CA_FILE"
    )]
    Untrusted { base: String, why: String },
    #[error(
        "the TLS certificate of the server at {base} is for another name ({why}); use an address with a name that the \
         certificate has"
    )]
    OtherName { base: String, why: String },
    #[error(
        "the TLS certificate of the server at {base} is not valid now ({why}); renew it there, or set this machine's \
         clock right"
    )]
    OutOfDate { base: String, why: String },
    #[error(
        "the server at {base} cannot be spoken to with TLS ({why}); is it an https address, and is its certificate in \
         order?"
    )]
    Tls { base: String, why: String },
    #[error(
        "the name in the server's address {base} cannot be found ({why}); check it for a typo, and DNS"
    )]
    NoSuchHost { base: String, why: String },
    #[error("no server answers at {base} ({why}); is `muster serve` running?")]
    NoAnswer { base: String, why: String },
    #[error(
        "the server at {base} redirects to {to}; redirections are not followed, since the token would go there: set \
         MUSTER_URL to the address that Muster itself answers at"
    )]
    Redirected { base: String, to: String },
}

/// An address that can be used.
const EXAMPLE: &str = "https://muster.example.org";

/// The origin of a server's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// `MUSTER_URL`.
    Environment,
    /// The server's own `admin.json`.
    AdminFile,
}

impl Source {
    const fn name(self) -> &'static str {
        match self {
            Self::Environment => "MUSTER_URL",
            Self::AdminFile => "admin.json",
        }
    }
}

/// A server's address that the token may be sent to.
#[derive(Debug)]
pub(super) struct ServerAddress {
    base: String,
    encrypted: bool,
    loopback: bool,
}

impl ServerAddress {
    /// Checks an address: https, or http on this machine, or any http with `insecure_http`.
    pub(super) fn new(
        text: &str,
        source: Source,
        insecure_http: bool,
    ) -> Result<Self, RemoteError> {
        let from = source.name();
        let refused = |why: &str| {
            // The text is not repeated where it may have a password.
            let url =
                if text.contains('@') { "…".to_owned() } else { safe::terminal(text).into() };
            RemoteError::Address { url, from, why: why.to_owned() }
        };
        let url = Url::parse(text.trim()).map_err(|error| refused(&error.to_string()))?;
        let encrypted = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(refused("it begins neither with https:// nor with http://")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("it has a user name or a password; the token is in MUSTER_TOKEN"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("it has a `?` or a `#`"));
        }
        let loopback = is_loopback(&url);
        let base = url.as_str().trim_end_matches('/').to_owned();
        // The server wrote admin.json itself, and may listen at one address of this machine only.
        let here = loopback || (source == Source::AdminFile && is_own(&url));
        if !encrypted && !here && !insecure_http {
            return Err(RemoteError::Unencrypted { base, from });
        }
        Ok(Self { base, encrypted, loopback })
    }

    /// Returns the client for this address.
    pub(super) fn client(
        &self,
        authorities: Option<Vec<CertificateDer<'static>>>,
    ) -> Result<reqwest::Client, RemoteError> {
        let failed = |error: reqwest::Error| RemoteError::NoClient { why: details(&error) };
        if !self.encrypted {
            return connect::http::local_client().map_err(failed);
        }
        let authorities = authorities.map(|all| {
            all.iter().map(|one| reqwest::Certificate::from_der(one)).collect::<Result<Vec<_>, _>>()
        });
        let authorities = authorities.transpose().map_err(failed)?;
        connect::http::https_client(authorities, !self.loopback).map_err(failed)
    }

    /// Returns the address without a slash at its end.
    pub(super) fn into_base(self) -> String {
        self.base
    }
}

fn ip(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(IpAddr::from(ip).to_canonical()),
        Host::Domain(_) => None,
    }
}

fn is_loopback(url: &Url) -> bool {
    // The client connects `localhost` to this machine without asking a resolver.
    url.host_str() == Some("localhost") || ip(url).is_some_and(|ip| ip.is_loopback())
}

/// An address can be listened at on its own machine only.
fn is_own(url: &Url) -> bool {
    ip(url).is_some_and(|ip| !ip.is_multicast() && TcpListener::bind((ip, 0)).is_ok())
}

/// Reads the authorities of a PEM file; none if no file is named.
pub(super) fn authorities(
    file: Option<&OsStr>,
) -> Result<Option<Vec<CertificateDer<'static>>>, RemoteError> {
    let Some(path) = file.filter(|path| !path.is_empty()).map(Path::new) else { return Ok(None) };
    let path = path.to_owned();
    let pem = match fs::read(&path) {
        Ok(pem) => pem,
        Err(source) => return Err(RemoteError::FileUnreadable { path, source }),
    };
    let (mut found, mut roots) = (Vec::new(), RootCertStore::empty());
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let number = found.len() + 1;
        let checked =
            certificate.map_err(|_| "its text is not whole".to_owned()).and_then(|certificate| {
                roots.add(certificate.clone()).map_err(|error| error.to_string())?;
                Ok(certificate)
            });
        match checked {
            Ok(certificate) => found.push(certificate),
            Err(why) => return Err(RemoteError::Damaged { path, number, why }),
        }
    }
    if found.is_empty() {
        return Err(RemoteError::NoCertificate { path });
    }
    Ok(Some(found))
}

/// Tells why no connection came about.
pub(super) fn not_connected(base: &str, error: &reqwest::Error) -> RemoteError {
    let base = base.to_owned();
    let tls = tls_error(error);
    let why = tls.map_or_else(|| last_cause(error), ToString::to_string);
    // A certificate's names are the other side's.
    let why = safe::terminal(&why).into_owned();
    match tls {
        Some(rustls::Error::InvalidCertificate(invalid)) => match invalid {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                RemoteError::OtherName { base, why }
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => RemoteError::OutOfDate { base, why },
            _ => RemoteError::Untrusted { base, why },
        },
        Some(_) => RemoteError::Tls { base, why },
        None if error.is_dns() => RemoteError::NoSuchHost { base, why },
        None => RemoteError::NoAnswer { base, why },
    }
}

/// Tells where a redirection leads.
pub(super) fn redirected(base: &str, response: &reqwest::Response) -> RemoteError {
    let to = response.headers().get(reqwest::header::LOCATION);
    let to = to.map_or("nowhere".into(), |to| String::from_utf8_lossy(to.as_bytes()));
    RemoteError::Redirected { base: base.to_owned(), to: safe::terminal(&to).into_owned() }
}

/// Finds the TLS library's error among the causes of an error.
fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        // An input error leaves the error in it out of its causes.
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    None
}

/// Returns the innermost cause of an error: those around it say only that a connection failed.
fn last_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn StdError = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// Returns all causes of an error.
fn details(error: &reqwest::Error) -> String {
    causes(error).unwrap_or_else(|| "no details".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn leaves(command: &clap::Command, path: &str, found: &mut Vec<(String, clap::Command)>) {
        if !command.has_subcommands() {
            found.push((path.to_owned(), command.clone()));
        }
        for below in command.get_subcommands() {
            leaves(below, &format!("{path} {}", below.get_name()), found);
        }
    }

    #[test]
    fn every_command_that_needs_a_server_can_use_tls() {
        let command = Cli::command();
        command.clone().debug_assert();
        let mut found = Vec::new();
        leaves(&command, "muster", &mut found);
        // Those that run a server, or work without one.
        let alone = [
            "muster serve",
            "muster demo",
            "muster simulate",
            "muster repair",
            "muster directory key",
        ];
        assert!(found.len() > 30, "{}", found.len());
        for (path, command) in found.iter().filter(|(path, _)| !alone.contains(&path.as_str())) {
            for option in ["data", "ca-file", "insecure-http"] {
                let has = command.get_arguments().any(|one| one.get_long() == Some(option));
                assert!(has, "{path} has no --{option}");
            }
        }
    }

    #[test]
    fn http_is_for_this_machine_unless_it_is_asked_for() {
        let local = [
            "http://127.0.0.1:8095",
            "http://127.9.9.9/",
            "http://LOCALHOST:1",
            "http://[::1]:8095/base/",
            "http://[::ffff:127.0.0.1]",
            "http://2130706433:8095",
        ];
        for url in local {
            assert!(ServerAddress::new(url, Source::Environment, false).is_ok(), "{url}");
        }
        let others = [
            "http://muster.example.org",
            "http://10.0.0.1:8095",
            "http://0.0.0.0",
            "http://[fe80::1]",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "HTTP://[::ffff:10.0.0.1]",
            "http:muster.example.org",
        ];
        for url in others {
            let error = ServerAddress::new(url, Source::Environment, false).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("--insecure-http") && text.contains("MUSTER_URL"), "{text}");
            assert!(ServerAddress::new(url, Source::Environment, true).is_ok(), "{url}");
            let secure = url.to_lowercase().replacen("http", "https", 1);
            assert!(ServerAddress::new(&secure, Source::Environment, false).is_ok(), "{secure}");
        }
        let other = "http://192.0.2.1:8095";
        assert!(ServerAddress::new(other, Source::AdminFile, false).is_err());
    }

    #[test]
    fn an_address_that_is_none_is_told_without_its_password() {
        let bad = [
            "",
            "muster.example.org",
            "ftp://muster.example.org",
            "https://",
            "https://muster.example.org/?a=b",
            "https://muster.example.org/#a",
            "https://somebody:hunter2@muster.example.org",
        ];
        for url in bad {
            for insecure in [false, true] {
                let error = ServerAddress::new(url, Source::Environment, insecure).unwrap_err();
                let text = error.to_string();
                assert!(text.contains("MUSTER_URL") && text.contains(EXAMPLE), "{text}");
                assert!(!text.contains("hunter2"), "{text}");
            }
        }
    }
}

//! When the credential of a directory stops working.
//!
//! Invariant: what the credential itself says counts before what an administrator wrote down.

use directory::id::{DAY_MS, Millis};
use secrecy::ExposeSecret;
use store::ConnectionRow;
use x509_parser::pem::Pem;

/// Okta ends an API token that was not used for so long.
/// <https://developer.okta.com/docs/guides/create-an-api-token/main/#token-expiration-and-deactivation>
const TOKEN_IDLE_MS: i64 = 30 * DAY_MS;

/// When a credential stops working, and why that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// When.
    pub at: Millis,
    /// How it is known.
    pub source: Source,
}

/// How an end is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The certificate says so.
    Certificate,
    /// An administrator said so.
    Told,
    /// It is not used, and ends by that.
    Idle,
}

/// When a directory's credential stops working, as far as that is known.
pub fn expiry(row: &ConnectionRow) -> Option<Expiry> {
    if let Some(at) = certificate_end(row.secret.expose_secret()) {
        return Some(Expiry { at, source: Source::Certificate });
    }
    if let Some(at) = row.expires {
        return Some(Expiry { at, source: Source::Told });
    }
    let api_token = row.provider == "okta" && !row.settings.contains_key("client_id");
    let used = row.last_read.filter(|_| api_token)?;
    Some(Expiry { at: used.plus(TOKEN_IDLE_MS), source: Source::Idle })
}

/// The end of the certificate in a PEM file; the earliest, if there are several.
fn certificate_end(pem: &str) -> Option<Millis> {
    let blocks = Pem::iter_from_buffer(pem.as_bytes()).filter_map(Result::ok);
    let certificates = blocks.filter(|block| block.label == "CERTIFICATE");
    let ends = certificates.filter_map(|block| {
        let certificate = block.parse_x509().ok()?;
        Some(Millis(certificate.validity().not_after.timestamp().saturating_mul(1_000)))
    });
    ends.min()
}

#[cfg(test)]
mod tests {
    use connect::Credential;
    use directory::id::DirectoryId;
    use secrecy::SecretString;

    use super::*;

    fn row(provider: &str, settings: &[(&str, &str)], secret: SecretString) -> ConnectionRow {
        ConnectionRow {
            id: DirectoryId(1),
            name: "contoso".to_owned(),
            provider: provider.to_owned(),
            settings: settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            secret,
            rules: directory::rules::Rules::default(),
            schedule: store::Schedule::default(),
            paused: false,
            removing: false,
            served_once: true,
            cursor: None,
            last_full_read: None,
            last_read: Some(Millis(5)),
            expires: None,
            pin: None,
            key: "1".to_owned(),
            unreadable: Vec::new(),
        }
    }

    #[test]
    fn a_certificate_knows_its_end_and_a_secret_must_be_told() {
        let made = Credential::entra(Millis(1_763_900_000_000)).unwrap();
        let mut with = row("entra", &[], made.secret);
        with.expires = Some(Millis(7));
        // Certificates count days.
        let end = made.expires.unwrap().0.div_euclid(DAY_MS) * DAY_MS;
        let known = Expiry { at: Millis(end), source: Source::Certificate };
        assert_eq!(expiry(&with), Some(known));
        let mut secret = row("entra", &[], SecretString::from("secret"));
        assert_eq!(expiry(&secret), None);
        secret.expires = Some(Millis(7));
        assert_eq!(expiry(&secret), Some(Expiry { at: Millis(7), source: Source::Told }));
    }

    #[test]
    fn a_token_of_okta_ends_when_it_is_not_used() {
        let token = SecretString::from("token");
        let idle = Expiry { at: Millis(5 + TOKEN_IDLE_MS), source: Source::Idle };
        assert_eq!(expiry(&row("okta", &[], token.clone())), Some(idle));
        assert_eq!(expiry(&row("okta", &[("client_id", "0oa1")], token)), None);
    }
}

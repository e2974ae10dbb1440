//! Certificates that an app is registered with: the public key, the digests that name them, and their end.
//!
//! Invariant: what cannot be read is no certificate; nothing of one is guessed. Chains and issuers do not matter: the
//! vendor takes self-signed certificates.

use aws_lc_rs::{
    digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256},
    signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use crate::clock::parse_time;

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version of a certificate, which may be left out.
const VERSION: u8 = 0xa0;

/// A certificate.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    sha1: Vec<u8>,
    sha256: Vec<u8>,
    /// The RSA key as PKCS#1 writes it.
    key: Vec<u8>,
    /// When it ends, in milliseconds since 1970.
    pub(crate) until_ms: i64,
}

impl Certificate {
    /// Reads a `.cer` file: PEM, or the same without its first and last line.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let lines = text.lines().map(str::trim);
        let base64: String = lines.filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(base64).ok()?;
        let (certificate, rest) = take(&der, SEQUENCE)?;
        let (mut fields, _) = take(certificate, SEQUENCE).filter(|_| rest.is_empty())?;
        if fields.first() == Some(&VERSION) {
            fields = element(fields)?.2;
        }
        // Serial number, algorithm, issuer.
        for _ in 0..3 {
            fields = element(fields)?.2;
        }
        let (validity, fields) = take(fields, SEQUENCE)?;
        let (_, _, until) = element(validity)?;
        let subject = element(fields)?.2;
        let (info, _) = take(subject, SEQUENCE)?;
        let (key, _) = take(element(info)?.2, BIT_STRING)?;
        let digest = |algorithm| digest::digest(algorithm, &der).as_ref().to_vec();
        Some(Self {
            sha1: digest(&SHA1_FOR_LEGACY_USE_ONLY),
            sha256: digest(&SHA256),
            // Before it stands how many of its last bits do not count: none.
            key: key.strip_prefix(&[0])?.to_vec(),
            until_ms: time(until)?,
        })
    }

    /// How the portal shows it.
    pub(crate) fn thumbprint(&self) -> String {
        use std::fmt::Write as _;
        self.sha1.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02X}").expect("writing to memory does not fail");
            text
        })
    }

    /// Whether a header's `x5t` or `x5t#S256` names it; with padding or without.
    pub(crate) fn is_named(&self, sha1: Option<&str>, sha256: Option<&str>) -> bool {
        let is = |text: Option<&str>, digest: &[u8]| {
            let bytes = URL_SAFE_NO_PAD.decode(text.unwrap_or_default().trim_end_matches('=')).ok();
            bytes.is_some_and(|bytes| bytes == digest)
        };
        is(sha256, &self.sha256) || is(sha1, &self.sha1)
    }

    /// Whether a text was signed with its key.
    pub(crate) fn signed(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        let algorithm = match algorithm {
            "PS256" => &RSA_PSS_2048_8192_SHA256,
            "RS256" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return false,
        };
        UnparsedPublicKey::new(algorithm, &self.key).verify(message, signature).is_ok()
    }
}

/// The first element of DER: its tag, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ 0..=0x7f => (short, rest),
        long @ 0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(long - 0x80)?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// The content of the first element, which has that tag, and what follows it.
fn take(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(der).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

/// The time that begins here.
fn time(der: &[u8]) -> Option<i64> {
    let (tag, content, _) = element(der)?;
    let text = std::str::from_utf8(content).ok()?;
    let text = match tag {
        GENERALIZED_TIME => text.to_owned(),
        // Two digits of the year: before 1950 they are those of this century.
        UTC_TIME => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        _ => return None,
    };
    let part = |from: usize| text.get(from..from + 2);
    let (year, month, day) = (text.get(..4)?, part(4)?, part(6)?);
    parse_time(&format!("{year}-{month}-{day}T{}:{}:{}Z", part(8)?, part(10)?, part(12)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_certificates_are_read() {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let made = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
        let certificate = Certificate::read(&made.pem()).unwrap();
        assert_eq!((certificate.sha1.len(), certificate.thumbprint().len()), (20, 40));
        // The maker's own default.
        assert_eq!(crate::clock::time_text(certificate.until_ms, "Z"), "4096-01-01T00:00:00Z");
        for bad in ["", "x", "AAAA", &made.pem()[..600]] {
            assert!(Certificate::read(bad).is_none(), "{bad}");
        }
    }
}

//! A channel's settings: a webhook in one of three shapes, or a mailbox.
//!
//! Invariants: settings are checked when they are saved, so that a channel that is kept can be tried; a password goes over
//! an encrypted connection only, but for this machine; no error holds a secret.

use std::{collections::BTreeMap, time::Duration};

use lettre::{message::Mailbox, transport::smtp::client::Certificate};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Message, mail, post, shape::Shape};
use crate::reach;

/// The kinds of channel.
pub const KINDS: [&str; 4] = ["webhook", "slack", "teams", "email"];
/// Recipients of one mailbox channel.
const RECIPIENTS_MAX: usize = 50;

/// A channel that can be told.
#[derive(Debug)]
pub enum Channel {
    /// A webhook.
    Webhook {
        /// How its messages look.
        shape: Shape,
        /// Where it is; secret.
        url: SecretString,
    },
    /// A mailbox.
    Mail(Box<MailServer>),
}

/// How mail is sent.
#[derive(Debug)]
pub struct MailServer {
    /// The server.
    pub(super) host: String,
    /// Its port.
    pub(super) port: u16,
    /// How the connection is encrypted.
    pub(super) security: Security,
    /// Name and password, if the server wants them.
    pub(super) login: Option<(String, SecretString)>,
    /// The sender.
    pub(super) from: Mailbox,
    /// The recipients.
    pub(super) to: Vec<Mailbox>,
    /// The only authority that is trusted, if one was given.
    pub(super) ca: Option<Certificate>,
}

/// How a connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Begins in the clear and must be upgraded.
    StartTls,
    /// From the beginning.
    Tls,
    /// Not at all.
    None,
}

/// Why a channel could not be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// In words.
    pub why: String,
    /// Whether it was this message that was refused, so that another one may pass.
    pub refused: bool,
    /// How long the other side wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl Failure {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), refused: false, retry_after: None }
    }
}

impl Channel {
    /// Reads and checks settings.
    ///
    /// # Errors
    /// Names the setting that cannot be used, and what it can be.
    pub fn read(
        kind: &str,
        settings: &BTreeMap<String, String>,
        secret: &SecretString,
    ) -> Result<Self, String> {
        let shape = match kind {
            "webhook" => Shape::Plain,
            "slack" => Shape::Slack,
            "teams" => Shape::Teams,
            "email" => return MailServer::read(settings, secret).map(Box::new).map(Self::Mail),
            other => {
                return Err(format!(
                    "there is no kind of channel `{other}`; there are {}",
                    KINDS.join(", ")
                ));
            }
        };
        known(kind, settings, &[])?;
        webhook_address(secret)?;
        Ok(Self::Webhook { shape, url: secret.clone() })
    }

    /// Where it leads, without what is secret.
    pub fn target(&self) -> String {
        match self {
            Self::Webhook { url, .. } => {
                let url = Url::parse(url.expose_secret().trim()).ok();
                url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
            }
            Self::Mail(server) => {
                let to: Vec<String> = server.to.iter().map(|to| to.email.to_string()).collect();
                format!("{} through {}:{}", to.join(", "), server.host, server.port)
            }
        }
    }

    /// Tells it.
    ///
    /// # Errors
    /// Why that failed, without anything secret.
    pub async fn tell(&self, client: &reqwest::Client, message: &Message) -> Result<(), Failure> {
        match self {
            Self::Webhook { shape, url } => {
                let url = webhook_address(url).map_err(Failure::new)?;
                post::send(client, url, &shape.body(message)).await
            }
            Self::Mail(server) => mail::send(server, message).await,
        }
    }
}

/// The address of a webhook. Messages do not repeat it: whoever has it can write to the channel.
fn webhook_address(secret: &SecretString) -> Result<Url, String> {
    reach::checked(secret.expose_secret())
        .map_err(|error| error.replace("endpointUrl", "the webhook's address"))
}

impl MailServer {
    fn read(settings: &BTreeMap<String, String>, password: &SecretString) -> Result<Self, String> {
        known("email", settings, &["host", "port", "security", "username", "from", "to", "ca"])?;
        let get = |key: &str| settings.get(key).map(|text| text.trim()).filter(|t| !t.is_empty());
        let wanted = |key: &str, what: &str| {
            get(key).ok_or_else(|| format!("the setting `{key}` is missing: {what}"))
        };
        let host = wanted("host", "the mail server, such as smtp.example.org")?.to_owned();
        let security = match get("security").unwrap_or("starttls") {
            "starttls" => Security::StartTls,
            "tls" => Security::Tls,
            "none" => Security::None,
            other => {
                return Err(format!(
                    "the setting `security` is `{other}`; it can be starttls, tls, none"
                ));
            }
        };
        let port = match get("port") {
            Some(text) => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                format!("the setting `port` is `{text}`; it is a number from 1 to 65535")
            })?,
            None => match security {
                Security::StartTls => 587,
                Security::Tls => 465,
                Security::None => 25,
            },
        };
        let login = get("username").map(|name| (name.to_owned(), password.clone()));
        if login.is_some() && security == Security::None && !is_here(&host) {
            return Err(
                "a password would go over the network in the clear; set `security` to starttls or tls".to_owned()
            );
        }
        let from = mailbox("from", wanted("from", "the sender's address")?)?;
        let to: Result<Vec<_>, _> = wanted("to", "the recipients' addresses, with commas between")?
            .split(',')
            .map(|address| mailbox("to", address))
            .collect();
        let to = to?;
        if to.len() > RECIPIENTS_MAX {
            return Err(format!("the setting `to` names more than {RECIPIENTS_MAX} recipients"));
        }
        let ca = get("ca").map(authority).transpose()?;
        Ok(Self { host, port, security, login, from, to, ca })
    }
}

fn known(kind: &str, settings: &BTreeMap<String, String>, known: &[&str]) -> Result<(), String> {
    match settings.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) if known.is_empty() => {
            Err(format!("a {kind} channel has no setting `{key}`; its address is its secret"))
        }
        Some(key) => {
            Err(format!("an {kind} channel has no setting `{key}`; it has {}", known.join(", ")))
        }
    }
}

fn mailbox(setting: &str, text: &str) -> Result<Mailbox, String> {
    let text = text.trim();
    text.parse()
        .map_err(|_| format!("the setting `{setting}` holds `{text}`, which is no mail address"))
}

fn authority(pem: &str) -> Result<Certificate, String> {
    let wrong = || "the setting `ca` is no certificate in PEM form".to_owned();
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        return Err(wrong());
    }
    Certificate::from_pem(pem.as_bytes()).map_err(|_| wrong())
}

/// Whether a host is this machine.
fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, settings: &[(&str, &str)], secret: &str) -> Result<Channel, String> {
        let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Channel::read(kind, &settings, &SecretString::from(secret))
    }

    const MAIL: [(&str, &str); 3] = [
        ("host", "smtp.example.org"),
        ("from", "Muster <muster@example.org>"),
        ("to", "ops@example.org, Alice <alice@example.org>"),
    ];

    #[test]
    fn settings_that_cannot_be_right_are_named() {
        let webhook = "https://hooks.example.org/a-secret-path";
        for (kind, settings, secret, says) in [
            ("pager", vec![], webhook, "there are webhook, slack"),
            ("slack", vec![("to", "x")], webhook, "no setting `to`"),
            ("teams", vec![], "a-secret-word", "not an address"),
            ("webhook", vec![], "http://169.254.169.254/a-secret-path", "may not ask"),
            ("email", vec![], "", "`host` is missing"),
            ("email", vec![("host", "h"), ("from", "nobody"), ("to", "x")], "", "`nobody`"),
            ("email", [&MAIL[..], &[("security", "ssl")]].concat(), "", "starttls, tls, none"),
            ("email", [&MAIL[..], &[("port", "0")]].concat(), "", "1 to 65535"),
            ("email", [&MAIL[..], &[("ca", "x")]].concat(), "", "PEM"),
            (
                "email",
                [&MAIL[..], &[("security", "none"), ("username", "u")]].concat(),
                "a-secret-word",
                "in the clear",
            ),
        ] {
            let error = read(kind, &settings, secret).unwrap_err();
            assert!(error.contains(says) && !error.contains("a-secret"), "{error}");
        }
    }

    #[test]
    fn what_is_secret_does_not_show() {
        let webhook = read("slack", &[], "https://hooks.example.org/a-secret-path").unwrap();
        assert_eq!(webhook.target(), "hooks.example.org");
        let settings = [&MAIL[..], &[("username", "muster")]].concat();
        let mail = read("email", &settings, "a-secret-word").unwrap();
        assert_eq!(
            mail.target(),
            "ops@example.org, alice@example.org through smtp.example.org:587"
        );
        for channel in [webhook, mail] {
            assert!(!format!("{channel:?}").contains("a-secret"), "{channel:?}");
        }
    }
}

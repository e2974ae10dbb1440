//! Sends a message as mail, over SMTP.
//!
//! Invariants: without the encryption that the settings want nothing is sent, the password least of all; what the server
//! answers is repeated only where it cannot hold the password.

use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message as Mail, Tokio1Executor,
    message::header::{ContentType, HeaderName, HeaderValue},
    transport::smtp::{
        Error,
        authentication::Credentials,
        client::{CertificateStore, Tls, TlsParameters},
    },
};
use secrecy::ExposeSecret;

use super::{
    Message,
    channel::{Failure, MailServer, Security},
};
use crate::safe;

/// How long one mail may take, connection and all.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Characters of a subject.
const SUBJECT_CHARS_MAX: usize = 180;

/// Characters of a line.
const LINE_CHARS_MAX: usize = 2_000;

/// Sends one mail to all recipients.
pub(super) async fn send(server: &MailServer, message: &Message) -> Result<(), Failure> {
    let mail = mail(server, message)?;
    let transport = transport(server)?;
    match tokio::time::timeout(TIMEOUT, transport.send(mail)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(said(server, &error)),
        Err(_) => Err(Failure::new(format!(
            "{}:{} did not answer within {} s; check host, port and firewall",
            server.host,
            server.port,
            TIMEOUT.as_secs()
        ))),
    }
}

fn mail(server: &MailServer, message: &Message) -> Result<Mail, Failure> {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(message.at.0.unsigned_abs());
    let domain = server.from.email.domain();
    let id = format!("<muster-{}-{}-{}@{domain}>", message.alert, message.version, message.at.0);
    let mut builder = Mail::builder()
        .from(server.from.clone())
        .subject(safe::mail(&message.headline(), SUBJECT_CHARS_MAX))
        .date(at)
        .message_id(Some(id))
        // So that nobody's absence note answers (RFC 3834).
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ))
        .header(ContentType::TEXT_PLAIN);
    for to in &server.to {
        builder = builder.to(to.clone());
    }
    let built = builder.body(text(message));
    built.map_err(|error| Failure::new(format!("the mail cannot be written: {error}")))
}

fn text(message: &Message) -> String {
    let mut lines = vec![safe::mail(&message.title, LINE_CHARS_MAX), String::new()];
    let details = message.details.iter().map(|line| safe::mail(line, LINE_CHARS_MAX));
    lines.extend(details.map(|line| format!("- {line}")));
    lines.push(String::new());
    lines.push(format!("since {}", message.time()));
    lines.join("\r\n")
}

fn transport(server: &MailServer) -> Result<AsyncSmtpTransport<Tokio1Executor>, Failure> {
    let parameters = || {
        let mut builder = TlsParameters::builder(server.host.clone());
        if let Some(ca) = &server.ca {
            builder =
                builder.certificate_store(CertificateStore::None).add_root_certificate(ca.clone());
        }
        builder.build().map_err(|error| {
            let why = format!(
                "no TLS client can be made ({error}); are the system's certificates installed (package \
                 ca-certificates)?"
            );
            Failure::new(why)
        })
    };
    let tls = match server.security {
        Security::StartTls => Tls::Required(parameters()?),
        Security::Tls => Tls::Wrapper(parameters()?),
        Security::None => Tls::None,
    };
    // "Dangerous" is only that encryption is chosen here, not by the builder.
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
        .port(server.port)
        .timeout(Some(TIMEOUT))
        .tls(tls);
    if let Some((name, password)) = &server.login {
        let password = password.expose_secret().to_owned();
        builder = builder.credentials(Credentials::new(name.clone(), password));
    }
    Ok(builder.build())
}

fn said(server: &MailServer, error: &Error) -> Failure {
    let at = format!("{}:{}", server.host, server.port);
    let Some(status) = error.status() else {
        let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        let why = if error.is_tls() || cause.contains("certificate") {
            format!(
                "the certificate of {at} is not trusted ({}); give the authority that signed it as `ca`",
                safe::mail(&cause, 200)
            )
        } else if error.is_client() {
            format!("{at} cannot do what the settings want: {}", safe::mail(&cause, 200))
        } else {
            format!(
                "no connection to {at}; check host, port, `security` and firewall ({})",
                safe::mail(&cause, 200)
            )
        };
        return Failure::new(without_password(server, why));
    };
    let code: u16 = status.into();
    let why = match code {
        // A server may repeat what it was given in these.
        530 | 534 | 535 | 538 | 454 | 500..=504 => {
            format!("{at} refused name or password (it answered {code})")
        }
        _ => format!("{at} refused the mail: {}", safe::mail(&error.to_string(), 300)),
    };
    let refused = error.is_permanent() && code >= 550;
    Failure { why: without_password(server, why), refused, retry_after: None }
}

/// The last line of defence: a text with the password, in the clear or as it is sent, is not repeated.
fn without_password(server: &MailServer, text: String) -> String {
    let Some((name, password)) = &server.login else { return text };
    let password = password.expose_secret();
    let sent = [
        STANDARD.encode(password),
        STANDARD.encode(format!("\0{name}\0{password}")),
        password.to_owned(),
    ];
    if sent.iter().any(|sent| !sent.is_empty() && text.contains(sent.as_str())) {
        return format!(
            "{}:{} refused, with words that are not repeated here",
            server.host, server.port
        );
    }
    text
}

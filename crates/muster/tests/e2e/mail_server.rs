//! A small mail server that speaks SMTP over a real socket: STARTTLS or TLS, AUTH PLAIN, one mail at a time.

use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// How the server wants to be spoken to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Offers STARTTLS and refuses mail without it.
    StartTls,
    /// Speaks TLS from the beginning.
    Tls,
    /// Knows no TLS.
    Plain,
}

/// What the server got.
#[derive(Default)]
pub(crate) struct Got {
    /// Commands, those before the encryption with a `!` in front.
    pub(crate) commands: Vec<String>,
    /// Who logged in, with which password.
    pub(crate) logins: Vec<(String, String)>,
    /// Whole mails, as they came.
    pub(crate) mails: Vec<String>,
}

/// A running mail server.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    /// The certificate of the authority that signed its own, PEM.
    pub(crate) authority: String,
    pub(crate) got: Arc<Mutex<Got>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The one password that it lets in.
pub(crate) const PASSWORD: &str = "the-mail-password";

/// A certificate for these names, good until this year, and the authority that signed it.
pub(crate) fn certificates(names: &[&str], until: i32) -> (ServerConfig, String) {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut own = CertificateParams::new(names).unwrap();
    own.not_after = rcgen::date_time_ymd(until, 1, 1);
    let own = own.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], key)
        .unwrap();
    (config, authority.pem())
}

impl MailServer {
    #[expect(clippy::disallowed_methods, reason = "the server belongs to the test")]
    pub(crate) async fn start(way: Way) -> Self {
        let (config, authority) = certificates(&["localhost", "127.0.0.1"], 4096);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let got = Arc::new(Mutex::new(Got::default()));
        let kept = Arc::clone(&got);
        let serving = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                // A client that does not trust the certificate goes away; the next one may.
                let _ = serve(stream, way, &acceptor, &kept).await;
            }
        });
        Self { port, authority, got, serving }
    }

    pub(crate) fn mails(&self) -> Vec<String> {
        self.got.lock().unwrap().mails.clone()
    }
}

async fn serve(
    stream: TcpStream,
    way: Way,
    acceptor: &TlsAcceptor,
    got: &Mutex<Got>,
) -> std::io::Result<()> {
    if way == Way::Tls {
        let stream = acceptor.accept(stream).await?;
        return talk(&mut BufReader::new(stream), State::encrypted(), got).await.map(drop);
    }
    let mut stream = BufReader::new(stream);
    let state = State { offers: way == Way::StartTls, needs: way == Way::StartTls, greets: true };
    if talk(&mut stream, state, got).await? == Ended::WantsTls {
        let stream = acceptor.accept(stream.into_inner()).await?;
        let state = State { greets: false, ..State::encrypted() };
        talk(&mut BufReader::new(stream), state, got).await?;
    }
    Ok(())
}

struct State {
    /// Whether STARTTLS is offered.
    offers: bool,
    /// Whether mail is refused before it.
    needs: bool,
    greets: bool,
}

impl State {
    fn encrypted() -> Self {
        Self { offers: false, needs: false, greets: true }
    }
}

#[derive(PartialEq, Eq)]
enum Ended {
    WantsTls,
    Over,
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    state: State,
    got: &Mutex<Got>,
) -> std::io::Result<Ended> {
    if state.greets {
        stream.write_all(b"220 mail.example.org ESMTP\r\n").await?;
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(Ended::Over);
        }
        let line = line.trim_end().to_owned();
        let word = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let clear = if state.offers { "!" } else { "" };
        got.lock().unwrap().commands.push(format!("{clear}{word}"));
        let answer = match word.as_str() {
            "EHLO" if state.offers => "250-mail.example.org\r\n250 STARTTLS",
            "EHLO" => "250-mail.example.org\r\n250 AUTH PLAIN",
            "STARTTLS" if state.offers => {
                stream.write_all(b"220 go ahead\r\n").await?;
                return Ok(Ended::WantsTls);
            }
            "AUTH" => login(&line, got),
            "MAIL" | "DATA" if state.needs => "530 encrypt first",
            "DATA" => {
                stream.write_all(b"354 go ahead\r\n").await?;
                let mail = read_mail(stream).await?;
                got.lock().unwrap().mails.push(mail);
                "250 queued"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(Ended::Over);
            }
            _ => "250 well",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

/// Lets one password in, and repeats to others what they sent, as some servers do.
fn login(line: &str, got: &Mutex<Got>) -> &'static str {
    let sent = line.rsplit(' ').next().unwrap();
    let text = String::from_utf8(STANDARD.decode(sent).unwrap()).unwrap();
    let mut parts = text.split('\0').skip(1).map(str::to_owned);
    let (name, password) = (parts.next().unwrap(), parts.next().unwrap());
    let right = password == PASSWORD;
    let answer =
        if right { "235 welcome".to_owned() } else { format!("535 no: {line} ({password})") };
    got.lock().unwrap().logins.push((name, password));
    answer.leak()
}

async fn read_mail<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> std::io::Result<String> {
    let mut mail = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(mail);
        }
        mail.push_str(&line);
    }
}

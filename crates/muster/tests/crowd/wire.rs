//! Requests as bytes over a real socket, for what no client library would send.
//!
//! Invariant: nothing here understands a request; answers are taken apart just far enough to judge them.

use std::{fmt::Write as _, net::SocketAddr};

use base64::{Engine, engine::general_purpose::STANDARD};
use muster::http;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::world::{PASSWORD, World};

/// The world's server behind the product's own listener.
pub(crate) struct Wire {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Wire {
    pub(crate) async fn of(world: &World) -> Self {
        Self::until(world, std::future::pending()).await
    }

    /// The same until the server is to stop.
    pub(crate) async fn until(
        world: &World,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(http::serve(listener, world.router.clone(), stop));
        Self { address, _serving: serving }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the server closes; a server may close before it has read everything.
    pub(crate) async fn exchange(&self, bytes: &[u8]) -> Reply {
        let (mut reading, mut writing) = self.connect().await.into_split();
        let mut got = Vec::new();
        // An error is a connection that was closed while bytes were under way: what came before counts.
        let (_, _) = tokio::join!(writing.write_all(bytes), reading.read_to_end(&mut got));
        Reply(got)
    }

    /// The same, but the client's half is closed after the last byte.
    pub(crate) async fn exchange_and_close(&self, bytes: &[u8]) -> Reply {
        let mut socket = self.connect().await;
        let _ = socket.write_all(bytes).await;
        let _ = socket.shutdown().await;
        let mut got = Vec::new();
        let _ = socket.read_to_end(&mut got).await;
        Reply(got)
    }

    /// A good request still has its answer.
    pub(crate) async fn is_well(&self) {
        let reply = self.exchange(&request("GET", "/user?username=alice", &[], "")).await;
        reply.is_ours(200);
    }
}

/// Whatever came back before the connection closed.
pub(crate) struct Reply(Vec<u8>);

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// The first answer's status; `None` when the connection was closed without a word.
    pub(crate) fn status(&self) -> Option<u16> {
        let text = self.text();
        let line = text.lines().next()?;
        assert!(line.starts_with("HTTP/1."), "not HTTP: {line}");
        line.split(' ').nth(1)?.parse().ok()
    }

    /// Asserts an answer of our own code.
    pub(crate) fn is_ours(&self, status: u16) {
        let text = self.text();
        assert_eq!(self.status(), Some(status), "{text}");
        let head = text.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
        assert!(head.contains("\r\nx-embedded-crowd-version: muster/"), "no version: {text}");
    }

    /// Asserts a refusal by whichever layer saw the request first.
    pub(crate) fn is_refused(&self, what: &str) {
        if let Some(status) = self.status() {
            assert!((400..500).contains(&status), "{what}: {}", self.text());
        }
    }
}

/// The line of an authorization header that the server accepts.
pub(crate) fn authorization() -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("jira:{PASSWORD}")))
}

/// A request with good credentials, the last one of its connection.
pub(crate) fn request(method: &str, path: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut head = format!(
        "{method} /crowd/rest/usermanagement/1{path} HTTP/1.1\r\nHost: muster.example.org\r\n\
         Connection: close\r\n{}",
        authorization()
    );
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    let measured = headers.iter().any(|header| {
        let header = header.to_ascii_lowercase();
        header.starts_with("content-length") || header.starts_with("transfer-encoding")
    });
    if !measured && !body.is_empty() {
        write!(head, "Content-Length: {}\r\n", body.len()).unwrap();
    }
    format!("{head}\r\n{body}").into_bytes()
}

//! Commands that reach a server over TLS, as from another machine.

use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use crate::{mail_server::certificates, service::Demo};

const TOKEN: &str = "a-token-that-must-not-be-shown";

/// The answer to each request after the TLS handshake.
#[derive(Clone)]
enum Behind {
    /// A server that requests are passed on to.
    Server(SocketAddr),
    /// This text.
    Text(String),
}

/// A TLS server at this machine.
struct Front {
    port: u16,
    /// Connections whose handshake went well and that sent something.
    used: Arc<AtomicU32>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Front {
    #[expect(clippy::disallowed_methods, reason = "the server belongs to the test")]
    async fn start(config: Option<ServerConfig>, behind: Behind) -> Self {
        let acceptor = config.map(|config| TlsAcceptor::from(Arc::new(config)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let used = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&used);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, behind, count) =
                    (acceptor.clone(), behind.clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    match acceptor {
                        Some(acceptor) => {
                            let Ok(stream) = acceptor.accept(stream).await else { return };
                            answer(stream, behind, &count).await;
                        }
                        None => answer(stream, behind, &count).await,
                    }
                });
            }
        });
        Self { port, used, serving }
    }
}

async fn answer<S: AsyncReadExt + AsyncWriteExt + Unpin>(
    mut stream: S,
    behind: Behind,
    used: &AtomicU32,
) {
    match behind {
        Behind::Server(address) => {
            used.fetch_add(1, Relaxed);
            let mut server = TcpStream::connect(address).await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut server).await;
        }
        Behind::Text(text) => {
            let mut got = [0; 4096];
            if stream.read(&mut got).await.is_ok_and(|read| read > 0) {
                used.fetch_add(1, Relaxed);
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        }
    }
}

/// A command without a data directory, and with nothing of this test's environment that it reads.
fn command(url: &str, token: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(arguments).env("MUSTER_URL", url).env("MUSTER_TOKEN", token);
    command.env_remove("MUSTER_CA_FILE").env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    command
}

/// Runs it on a thread of its own, since its server is in this process; exit code and both outputs.
async fn run(mut command: Command) -> (i32, String) {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

fn written(dir: &TempDir, name: &str, text: &str) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_work_over_tls_with_each_kind_of_trust() {
    let demo = Demo::start(20, 4, 30, 7).await;
    let admin = std::fs::read_to_string(demo.data.path().join("admin.json")).unwrap();
    let admin: serde_json::Value = serde_json::from_str(&admin).unwrap();
    let token = admin["token"].as_str().unwrap();
    let plain = admin["url"].as_str().unwrap();
    let address: SocketAddr = plain.strip_prefix("http://").unwrap().parse().unwrap();
    let (config, authority) = certificates(&["localhost", "127.0.0.1"], 4096);
    let front = Front::start(Some(config), Behind::Server(address)).await;
    let dir = tempfile::tempdir().unwrap();
    let (_, other) = certificates(&["localhost"], 4096);
    let ca = written(&dir, "ca.pem", &authority);
    let bundle = written(&dir, "bundle.pem", &format!("Two\n{other}\nand\n{authority}"));
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{}", front.port);
        for file in [&ca, &bundle] {
            let list = run(command(&url, token, &["directory", "list", "--ca-file", file])).await;
            assert!(list.0 == 0 && list.1.contains("entra"), "{list:?}");
            for variable in ["MUSTER_CA_FILE", "SSL_CERT_FILE"] {
                let mut list = command(&url, token, &["directory", "list"]);
                list.env(variable, file);
                let list = run(list).await;
                assert!(list.0 == 0 && list.1.contains("entra"), "{variable}: {list:?}");
            }
        }
    }
    let url = format!("https://localhost:{}/", front.port);
    let commands: [&[&str]; 10] = [
        &["directory", "show", "entra"],
        &["directory", "sync", "entra", "--wait"],
        &["directory", "rules", "entra"],
        &["application", "list"],
        &["alert", "list"],
        &["alert", "channel", "list"],
        &["changes"],
        &["directory", "preview", "entra"],
        &["token", "list"],
        &["export"],
    ];
    for arguments in commands {
        let mut over_tls = command(&url, token, arguments);
        over_tls.env("MUSTER_CA_FILE", &ca);
        let ran = run(over_tls).await;
        assert_eq!(ran.0, 0, "{arguments:?}: {ran:?}");
    }
    // Plain http elsewhere needs a word; 0.0.0.0 is not loopback by its address, yet leads to it.
    let elsewhere = format!("http://0.0.0.0:{}", address.port());
    let refused = run(command(&elsewhere, token, &["directory", "list"])).await;
    assert!(refused.0 == 1 && refused.1.contains("--insecure-http"), "{refused:?}");
    let list = run(command(&elsewhere, token, &["directory", "list", "--insecure-http"])).await;
    assert!(list.0 == 0 && list.1.contains("entra"), "{list:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tls_problem_is_told_apart_and_no_token_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let answer = Behind::Text("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]".to_owned());
    let (config, authority) = certificates(&["localhost"], 4096);
    let good = Front::start(Some(config), answer.clone()).await;
    let (config, old_authority) = certificates(&["localhost"], 2001);
    let old = Front::start(Some(config), answer.clone()).await;
    let no_tls = Front::start(None, Behind::Text("SSH-2.0-x\r\n".to_owned())).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ca = written(&dir, "ca.pem", &authority);
    let old_ca = written(&dir, "old.pem", &old_authority);
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let damaged = authority.replacen("MII", "MIX", 1);
    let cut = &authority[..authority.len() / 2];
    let files = [
        (written(&dir, "empty.pem", ""), "has no certificate"),
        (written(&dir, "key.pem", &key), "has no certificate"),
        (written(&dir, "damaged.pem", &format!("{authority}{damaged}")), "certificate 2"),
        (written(&dir, "cut.pem", cut), ""),
        (dir.path().join("missing.pem").to_str().unwrap().to_owned(), "cannot be read"),
        (dir.path().to_str().unwrap().to_owned(), "cannot be read"),
    ];
    let at = |host: &str, port: u16| format!("https://{host}:{port}");
    let mut cases = vec![
        (at("localhost", good.port), None, "not trusted"),
        (at("localhost", good.port), Some(&old_ca), "not trusted"),
        (at("127.0.0.1", good.port), Some(&ca), "for another name"),
        (at("localhost", old.port), Some(&old_ca), "not valid now"),
        (at("localhost", no_tls.port), Some(&ca), "cannot be spoken to with TLS"),
        (at("localhost", free), Some(&ca), "no server answers"),
        (at("muster.invalid", 8095), Some(&ca), "cannot be found"),
    ];
    cases.extend(files.iter().map(|(file, said)| (at("localhost", good.port), Some(file), *said)));
    for (url, file, said) in cases {
        let mut list = command(&url, TOKEN, &["directory", "list"]);
        // The system's certificates, where a machine has none.
        list.env("SSL_CERT_FILE", &old_ca);
        if let Some(file) = file {
            list.args(["--ca-file", file]);
        }
        let (code, text) = run(list).await;
        assert!(code == 1 && text.contains(said), "{url} {file:?}: {text}");
        let named = if said.contains("certificate") || said.contains("read") || said.is_empty() {
            Path::new(file.unwrap()).file_name().unwrap().to_str().unwrap()
        } else {
            url.as_str()
        };
        assert!(text.contains(named) && !text.contains(TOKEN), "{text}");
        let answers = said == "no server answers";
        assert_eq!(text.contains("no server answers"), answers, "{text}");
    }
    assert_eq!(good.used.load(Relaxed) + old.used.load(Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirection_is_told_and_not_followed() {
    let (config, authority) = certificates(&["localhost"], 4096);
    let dir = tempfile::tempdir().unwrap();
    let ca = written(&dir, "ca.pem", &authority);
    let target = Front::start(None, Behind::Text("HTTP/1.1 200 OK\r\n\r\n[]".to_owned())).await;
    let to = format!("http://localhost:{}/elsewhere", target.port);
    let away = |status: u16| {
        Behind::Text(format!(
            "HTTP/1.1 {status} Away\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ))
    };
    let over_tls = Front::start(Some(config), away(308)).await;
    let plain = Front::start(None, away(302)).await;
    let urls = [
        format!("https://localhost:{}", over_tls.port),
        format!("http://localhost:{}", plain.port),
    ];
    let commands: [&[&str]; 3] =
        [&["directory", "list"], &["token", "revoke", "x"], &["directory", "explain", "a", "b"]];
    for url in urls {
        for arguments in commands {
            let mut command = command(&url, TOKEN, arguments);
            command.args(["--ca-file", &ca]);
            let (code, text) = run(command).await;
            assert!(code == 1 && text.contains(&to), "{url} {arguments:?}: {text}");
            assert!(!text.contains(TOKEN), "{text}");
        }
    }
    assert_eq!(target.used.load(Relaxed), 0);
    assert!(over_tls.used.load(Relaxed) > 0 && plain.used.load(Relaxed) > 0);
}

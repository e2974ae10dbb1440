//! `muster serve`: the server, and what `demo` shares with it.

use std::{
    fs,
    io::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use axum::{Router, response::Html, routing::get};
use clap::Args;
use tokio::{net::TcpListener, task::JoinHandle};
use tracing_subscriber::EnvFilter;

use crate::{
    api::{self, TokenHash},
    app::App,
    cli::{
        Done, LISTEN,
        client::{ADMIN_FILE, AdminFile},
        listen_address,
    },
    clock::Clock,
    config::{self, File},
    crowd, entropy, health, http, sign_in,
    task::{floors::StoredFloors, sessions::StoredSessions},
};

/// Run the server.
#[derive(Debug, Args)]
pub struct Serve {
    /// Data directory; made if it is not there.
    #[arg(long, value_name = "DIR", env = "MUSTER_DATA", default_value = "muster-data")]
    data: PathBuf,
    /// Address and port to listen on; port 0 takes a free one. [default: 127.0.0.1:8095]
    #[arg(long, value_parser = listen_address)]
    listen: Option<SocketAddr>,
    /// Configuration file, TOML; docs/operators/running.md lists its keys.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let file = self.config.as_deref().map(File::read).transpose()?.unwrap_or_default();
        log_to_stderr(file.log.as_deref().unwrap_or("info"));
        let listen = self
            .listen
            .or(file.listen)
            .unwrap_or_else(|| LISTEN.parse().expect("the default is an address"));
        let server = Server::start(&self.data, listen, &file).await?;
        println!("Muster listens on {}", server.url);
        println!(
            "products connect to {}/crowd; commands find the server by --data {}",
            server.url,
            self.data.display()
        );
        until_stopped().await;
        println!("stopping");
        server.stop().await;
        Ok(Done::Ok)
    }
}

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) app: App,
    /// Where it is reached from this machine, without a slash at the end.
    pub(super) url: String,
    /// The admin API's token.
    pub(super) token: String,
    serving: JoinHandle<()>,
}

impl Server {
    /// Opens the data directory, listens and starts the tasks.
    pub(super) async fn start(
        data: &Path,
        listen: SocketAddr,
        file: &File,
    ) -> anyhow::Result<Self> {
        // The port first: two servers on one machine are the likeliest mistake.
        let listener = http::bind(listen).await?;
        let app = App::open(data.to_owned(), Clock::system()).await?;
        let url = local_url(listener.local_addr().context("the listener has no address")?);
        let token = admin_token(data, &url)?;
        app.start().await?;
        let router = router(&app, &token, file);
        let serving = serve(listener, router, app.clone());
        Ok(Self { app, url, token, serving })
    }

    /// Ends requests, then tasks.
    pub(super) async fn stop(self) {
        self.app.stop.cancel();
        let _ = self.serving.await;
        self.app.shut_down().await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the listener is the owner of its connections; `Server::stop` waits for it"
)]
fn serve(listener: TcpListener, router: Router, app: App) -> JoinHandle<()> {
    tokio::spawn(async move { http::serve(listener, router, app.stop.cancelled()).await })
}

/// Everything that is served on the one port.
fn router(app: &App, token: &str, file: &File) -> Router {
    let clock = app.clock.clone();
    let state = crowd::CrowdState::new(crowd::Surroundings {
        published: Arc::clone(&app.published),
        applications: Arc::clone(&app.applications),
        floors: Arc::new(StoredFloors::new(app.store.clone())),
        sessions: Arc::new(StoredSessions::new(app.store.clone())),
        sign_in: Arc::new(sign_in::Unavailable),
        clock: Arc::new(move || clock.now()),
        trusted_proxies: file.trusted_proxies.iter().map(|network| network.0).collect(),
        settings: file.crowd(),
    });
    Router::new()
        .route("/", get(async || Html(include_str!("../welcome.html"))))
        .merge(crowd::router(state))
        .merge(api::router(app.clone(), TokenHash::of(token)))
        .merge(health::router(app.clone()))
}

/// Waits for Ctrl-C or a polite request to end.
pub(super) async fn until_stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Logs to standard error; `MUSTER_LOG` has the last word on what.
pub(super) fn log_to_stderr(default: &str) {
    let wanted = config::log_from_environment().unwrap_or_else(|| default.to_owned());
    let filter = EnvFilter::try_new(&wanted).unwrap_or_else(|error| {
        eprintln!("warning: `{wanted}` does not say what to log ({error}); logging `info`");
        EnvFilter::new("info")
    });
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second server in one process (tests) keeps the first one's log.
    let _ = subscriber.try_init();
}

/// The admin API's token, kept over restarts, and written with the address for the commands to find.
fn admin_token(data: &Path, url: &str) -> anyhow::Result<String> {
    let token = match AdminFile::read(data) {
        Ok(file) if !file.token.is_empty() => file.token,
        _ => entropy::token(),
    };
    let file = AdminFile { url: url.to_owned(), token };
    write_private(&data.join(ADMIN_FILE), &serde_json::to_string(&file)?)?;
    Ok(file.token)
}

/// Writes a file that only its owner may read, all of it or nothing.
pub(super) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let partial = path.with_extension("new");
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&partial, path));
    written.with_context(|| {
        format!("{} cannot be written; are rights and space left?", path.display())
    })
}

/// How a listening address is reached from this machine.
fn local_url(address: SocketAddr) -> String {
    let ip =
        if address.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { address.ip() };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

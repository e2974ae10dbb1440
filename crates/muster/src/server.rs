//! The running server: listener, tasks and everything that is served on the one port.
//!
//! Invariant: `admin.json` is written once the port is had, for the commands to find the server.

use std::{
    fs,
    io::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use anyhow::Context;
use axum::{Router, middleware::from_fn_with_state};
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    api::{self, TokenHash},
    app::App,
    clock::Clock,
    config::File,
    console::{self, Console},
    crowd, entropy, health, hooks, http, peer,
    service::administrator,
    sign_in,
    task::{
        floors::StoredFloors, sessions::StoredSessions, standing::Task, sweep,
        webhooks::StoredWebhooks,
    },
};

/// The file that tells commands how to reach the server.
pub const ADMIN_FILE: &str = "admin.json";

/// What `admin.json` holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AdminFile {
    /// The server's address.
    pub url: String,
    /// The admin API's token.
    pub token: String,
}

impl AdminFile {
    /// Reads it from a data directory.
    ///
    /// # Errors
    /// Says what to do when it is not there.
    pub fn read(data: &Path) -> anyhow::Result<Self> {
        let path = data.join(ADMIN_FILE);
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "{} cannot be read; name the server's data directory with --data, or set MUSTER_URL and \
                 MUSTER_TOKEN",
                path.display()
            )
        })?;
        serde_json::from_str(&text).with_context(|| {
            format!("{} is damaged; start the server again to renew it", path.display())
        })
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// The service behind it.
    pub app: App,
    /// Where it is reached from this machine, without a slash at the end.
    pub url: String,
    /// The admin API's token.
    pub token: String,
    /// Where the first administrator is made, while there is none.
    pub first_link: Option<String>,
    serving: JoinHandle<()>,
}

impl Server {
    /// Opens the data directory, listens and starts the tasks.
    ///
    /// # Errors
    /// When the port or the data directory cannot be used; says what to do.
    pub async fn start(
        data: &Path,
        listen: SocketAddr,
        file: &File,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let kept_ms = file.history_ms()?;
        // The port first: two servers on one machine are the likeliest mistake.
        let listener = http::bind(listen).await?;
        let app = App::open(data.to_owned(), clock, file.public_url()?).await?;
        let url = local_url(listener.local_addr().context("the listener has no address")?);
        let token = admin_token(data, &url)?;
        app.start().await?;
        app.driver.start(Task::Sweep.as_str(), sweep::run(app.clone(), kept_ms)).await;
        let base = app.public_url.as_ref().map_or(url.as_str(), |public| public.as_str());
        let first_link = administrator::first_link(&app, base.trim_end_matches('/')).await?;
        let router = router(&app, &token, file);
        let serving = serve(listener, router, app.clone());
        Ok(Self { app, url, token, first_link, serving })
    }

    /// Ends requests, then tasks.
    pub async fn stop(self) {
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
        webhooks: Arc::new(StoredWebhooks::new(app.store.clone())),
        sign_in: Arc::new(sign_in::Unavailable),
        clock: Arc::new(move || clock.now()),
        failed_sign_ins: Arc::clone(&app.failed_sign_ins),
        settings: file.crowd(),
    });
    Router::new()
        .merge(console::router(Console::new(app.clone(), file)))
        .merge(crowd::router(state))
        .merge(api::router(app.clone(), TokenHash::of(token)))
        .merge(hooks::router(app.clone()))
        .merge(health::router(app.clone()))
        .layer(from_fn_with_state(file.proxies(), peer::find))
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
///
/// # Errors
/// Names the file that cannot be written.
pub fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
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

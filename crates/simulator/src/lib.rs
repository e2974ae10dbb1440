//! Simulated identity providers, strict as the vendors: signatures, expiry, permissions, page maxima and
//! throttling are enforced.
//!
//! Law: it shares no code with the connectors, so that a mistake cannot hide on both sides. It is generated
//! from a seed, and its control API (`DESIGN.md` section 8) edits it and lets it fail.
#![warn(missing_docs)]

mod chance;
mod clock;
mod control;
mod counters;
mod entra;
mod exchange;
mod faults;
mod generate;
mod google;
mod json;
mod odd;
mod okta;
mod provider;
mod server;
mod tenant;
mod untrusted;
mod webhook;
mod world;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use self::{entra::Entra, google::Google, okta::Okta, provider::Simulated};
pub use self::{
    entra::EntraDescription,
    google::GoogleDescription,
    odd::{Oddity, OddityError},
    okta::OktaDescription,
    provider::Provider,
};

/// The providers that run.
type Providers = Arc<[Arc<dyn Simulated>]>;

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one. Loopback only makes sense.
    pub listen: SocketAddr,
    /// Which providers to simulate; each has a tenant of its own.
    pub providers: Vec<Provider>,
    /// People in each tenant.
    pub users: u32,
    /// Groups in each tenant.
    pub groups: u32,
    /// Memberships in each tenant.
    pub memberships: u64,
    /// The same seed makes the same tenants.
    pub seed: u64,
    /// How long each answer takes, about, in milliseconds.
    pub latency_ms: u32,
    /// Whether the vendors' quotas are enforced.
    pub quotas: Quotas,
    /// Share of delta rounds that deliver something again.
    pub delta_replay: f64,
    /// Life of an access token in seconds.
    pub token_life_s: u32,
    /// Application permissions of the Entra app.
    pub entra_roles: Vec<String>,
    /// A certificate (`.cer`, PEM) that the Entra app is registered with from the start.
    pub entra_certificate: Option<String>,
    /// Whom the Entra tenant is for.
    pub entra_tenant: TenantKind,
    /// What Graph answers about the members of groups that hide them.
    pub entra_hidden_members: HiddenMembers,
    /// Scopes that Google's administrator delegated to the service account.
    pub google_scopes: Vec<String>,
    /// What Google does with a page size over the maximum for users; groups and members are always cut to it.
    pub google_page_maximum: PageMaximum,
    /// Scopes that an administrator granted to Okta's service app.
    pub okta_scopes: Vec<String>,
    /// Whether Okta's service app demands proof of possession, as new apps do.
    pub okta_dpop: Dpop,
    /// Share of each of Okta's rate limits that one token or app may use, in percent.
    pub okta_rate_percent: u32,
    /// How Okta's answers name the pages around them.
    pub okta_links: LinkHeaders,
    /// Where key files are written; a temporary directory without it, which ends with the simulator.
    pub key_directory: Option<PathBuf>,
}

impl Options {
    /// An Entra tenant of the demo's size at an address.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            providers: vec![Provider::Entra],
            users: 2_000,
            groups: 200,
            memberships: 20_000,
            seed: 1,
            latency_ms: 0,
            quotas: Quotas::Off,
            delta_replay: 0.05,
            token_life_s: 3_599,
            entra_roles: ["User.Read.All", "GroupMember.Read.All"].map(str::to_owned).to_vec(),
            entra_certificate: None,
            entra_tenant: TenantKind::Workforce,
            entra_hidden_members: HiddenMembers::Refused,
            google_scopes: [
                "admin.directory.user.readonly",
                "admin.directory.group.readonly",
                "admin.directory.group.member.readonly",
                "admin.directory.orgunit.readonly",
                "admin.reports.audit.readonly",
            ]
            .map(|scope| format!("https://www.googleapis.com/auth/{scope}"))
            .to_vec(),
            google_page_maximum: PageMaximum::Refuse,
            okta_scopes: [
                "okta.users.read",
                "okta.groups.read",
                "okta.apps.read",
                "okta.logs.read",
                "okta.eventHooks.manage",
            ]
            .map(str::to_owned)
            .to_vec(),
            okta_dpop: Dpop::Required,
            okta_rate_percent: 50,
            okta_links: LinkHeaders::Separate,
            key_directory: None,
        }
    }
}

/// Whether quotas are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quotas {
    /// Requests are never refused for their number.
    Off,
    /// As the vendor documents them.
    Vendor,
}

/// Whom an Entra tenant is for: those for customers have no lists of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantKind {
    /// Employees and their guests.
    Workforce,
    /// Customers (Azure AD B2C): lists of changes are an unsupported query.
    B2c,
    /// Customers (External ID): lists of changes are not implemented.
    External,
}

/// What is answered about members that the token may not see; the vendor is known to do both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HiddenMembers {
    /// 403.
    Refused,
    /// An empty list.
    Empty,
}

/// What is done with a page size over the vendor's maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageMaximum {
    /// The request is refused.
    Refuse,
    /// The maximum is taken instead.
    Cut,
}

/// Whether an app must prove that it possesses the key that its token is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dpop {
    /// Token requests without a proof are refused.
    Required,
    /// A token is bound if the request has a proof.
    Optional,
}

/// How several links are sent in headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkHeaders {
    /// A header for each, as Okta sends them.
    Separate,
    /// One header with commas, as proxies join them.
    Joined,
}

/// A simulator that did not start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The address cannot be had.
    #[error("the simulator cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// The keys that sign tokens cannot be made.
    #[error("the simulator cannot make its keys")]
    Keys,
    /// A key file cannot be written.
    #[error("the simulator cannot write {path}: {0}", path = .1.display())]
    KeyFile(#[source] std::io::Error, PathBuf),
    /// The certificate of the Entra app is none.
    #[error(
        "the simulated Entra app cannot have that certificate: it is no `.cer` file with an RSA key"
    )]
    Certificate,
    /// A tenant cannot be generated.
    #[error("the simulated tenant cannot be generated: {0}")]
    Generate(String),
}

/// How clients reach the simulated tenants: `demo.json`'s `simulator`.
#[derive(Debug, Clone, Serialize)]
pub struct Description {
    /// Where it listens.
    pub url: String,
    /// Base of the control API.
    pub control: String,
    /// The same as `url` behind TLS with a certificate that nobody trusts.
    pub untrusted: String,
    /// The Entra tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entra: Option<EntraDescription>,
    /// The Google Workspace organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub google: Option<GoogleDescription>,
    /// The Okta organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub okta: Option<OktaDescription>,
}

/// Running simulated tenants; they end with [`Running::shutdown`] or when dropped.
pub struct Running {
    description: Description,
    providers: Providers,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    /// Where key files are, if the simulator made the place itself; dropping it removes them.
    _keys: Option<tempfile::TempDir>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("description", &self.description).finish_non_exhaustive()
    }
}

impl Running {
    /// Where it listens, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.description.url
    }

    /// How clients reach the tenants.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Lets objects, or pages, be odd on the wire from now on, beside those that are already; as `POST odd` does.
    ///
    /// # Errors
    /// When one of them cannot be; then none is.
    pub fn make_odd(&self, provider: Provider, odd: Vec<Oddity>) -> Result<(), OddityError> {
        self.simulated(provider)?.world().make_odd(odd).map(drop)
    }

    /// Ends all that is odd; as `DELETE odd` does.
    ///
    /// # Errors
    /// When the provider is not simulated.
    pub fn end_odd(&self, provider: Provider) -> Result<(), OddityError> {
        self.simulated(provider)?.world().end_odd(None);
        Ok(())
    }

    fn simulated(&self, provider: Provider) -> Result<&dyn Simulated, OddityError> {
        let found = self.providers.iter().find(|running| running.provider() == provider);
        found.map(|found| &**found).ok_or(OddityError::Provider(provider.name()))
    }

    /// Ends everything and waits for it.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Generates the tenants and listens.
///
/// # Errors
/// When the address cannot be had, or memory for the tenants.
pub async fn start(options: Options) -> Result<Running, SimulatorError> {
    let listen = options.listen;
    let failed = move |error| SimulatorError::Listen(listen, error);
    // The port first: generating a large tenant takes seconds.
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let foreign = TcpListener::bind(SocketAddr::new(address.ip(), 0)).await.map_err(failed)?;
    let foreign_url = format!("http://{}", foreign.local_addr().map_err(failed)?);
    let url = format!("http://{address}");
    let tls = TcpListener::bind(SocketAddr::new(address.ip(), 0)).await.map_err(failed)?;
    // What is opened of it ends here, where links have its scheme.
    let behind = TcpListener::bind(SocketAddr::new(address.ip(), 0)).await.map_err(failed)?;
    let opened = behind.local_addr().map_err(failed)?;
    let untrusted = format!("https://{}", tls.local_addr().map_err(failed)?);
    let generating = tokio::task::spawn_blocking(move || generate(&options, &url, &foreign_url));
    let (providers, mut description, keys) =
        generating.await.map_err(|error| SimulatorError::Generate(error.to_string()))??;
    description.untrusted = untrusted;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    for provider in providers.iter() {
        tasks.spawn(webhook::run(Arc::clone(provider), stopped.clone()));
    }
    tasks.spawn(server::serve(listener, server::router(&providers), stopped.clone()));
    let inner = server::encrypted_router(&providers);
    tasks.spawn(server::serve(behind, inner, stopped.clone()));
    tasks.spawn(untrusted::serve(tls, untrusted::acceptor()?, opened, stopped.clone()));
    tasks.spawn(server::serve(foreign, server::foreign_router(&providers), stopped));
    Ok(Running { description, providers, stop, tasks, _keys: keys })
}

/// What runs, how it is reached, and the directory of key files if it is a temporary one.
type Generated = (Providers, Description, Option<tempfile::TempDir>);

/// Generates the tenants that are wanted, and says how they are reached through a listener at `url`.
fn generate(options: &Options, url: &str, foreign: &str) -> Result<Generated, SimulatorError> {
    let mut providers: Vec<Arc<dyn Simulated>> = Vec::new();
    let control = format!("{url}/__sim");
    let (url_text, untrusted) = (url.to_owned(), String::new());
    let mut description =
        Description { url: url_text, control, untrusted, entra: None, google: None, okta: None };
    let mut temporary = None;
    for provider in Provider::ALL.into_iter().filter(|one| options.providers.contains(one)) {
        match provider {
            Provider::Entra => {
                let entra = Entra::new(options, foreign.to_owned())?;
                description.entra = Some(entra.describe(url));
                providers.push(Arc::new(entra));
            }
            Provider::Google => {
                let google = Google::new(options, foreign.to_owned())?;
                let directory = key_directory(options, &mut temporary)?;
                description.google = Some(google.describe(url, &directory)?);
                providers.push(Arc::new(google));
            }
            Provider::Okta => {
                let okta = Okta::new(options, foreign.to_owned())?;
                let directory = key_directory(options, &mut temporary)?;
                description.okta = Some(okta.describe(url, &directory)?);
                providers.push(Arc::new(okta));
            }
        }
    }
    Ok((providers.into(), description, temporary))
}

/// Where key files go: the directory of the options, or one temporary directory for all.
fn key_directory(
    options: &Options,
    temporary: &mut Option<tempfile::TempDir>,
) -> Result<PathBuf, SimulatorError> {
    if let Some(directory) = &options.key_directory {
        return Ok(directory.clone());
    }
    let made = match temporary.take() {
        Some(made) => made,
        None => temporary_directory()?,
    };
    Ok(temporary.insert(made).path().to_owned())
}

fn temporary_directory() -> Result<tempfile::TempDir, SimulatorError> {
    let made = tempfile::Builder::new().prefix("simulated-keys-").tempdir();
    made.map_err(|error| SimulatorError::KeyFile(error, PathBuf::from("a temporary directory")))
}

/// Writes a file that only its owner can read: it holds a private key, even if only of a simulation.
fn write_private(path: &Path, text: &str) -> Result<(), SimulatorError> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| SimulatorError::KeyFile(error, path.to_owned()))
}

/// Locks what no panic can leave half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! `muster simulate`: simulated tenants alone.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::cli::{Done, listen_address, serve};

/// Run simulated tenants only.
#[derive(Debug, Args)]
pub struct Simulate {
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8096", value_parser = listen_address)]
    listen: SocketAddr,
    /// How large the tenants are.
    #[command(flatten)]
    size: TenantSize,
    /// Which providers to simulate; each has a tenant of its own.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Provider::Entra, Provider::Google, Provider::Okta])]
    providers: Vec<Provider>,
    /// Where key files are written; a temporary directory if left out.
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// How long each answer takes, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_ms: u32,
    /// Whether the vendor's quotas are enforced.
    #[arg(long, value_enum, default_value_t = Quotas::Off)]
    quotas: Quotas,
}

/// How large simulated tenants are, and by what seed they are made.
#[derive(Debug, Clone, Args)]
pub struct TenantSize {
    /// People in each tenant.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub users: u32,
    /// Groups in each tenant.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub groups: u32,
    /// Memberships in each tenant.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub memberships: u64,
    /// The same seed makes the same tenants.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// The providers that can be simulated in this version.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Provider {
    Entra,
    Google,
    Okta,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Quotas {
    Off,
    Vendor,
}

impl Simulate {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let quotas = match self.quotas {
            Quotas::Off => simulator::Quotas::Off,
            Quotas::Vendor => simulator::Quotas::Vendor,
        };
        let providers = self.providers.iter().map(|provider| match provider {
            Provider::Entra => simulator::Provider::Entra,
            Provider::Google => simulator::Provider::Google,
            Provider::Okta => simulator::Provider::Okta,
        });
        let options = simulator::Options {
            providers: providers.collect(),
            key_directory: self.keys,
            ..options(self.listen, &self.size, self.latency_ms, quotas)
        };
        let running =
            simulator::start(options).await.context("the simulated tenants did not start")?;
        println!("{}", serde_json::to_string(&running.description())?);
        serve::until_stopped().await;
        running.shutdown().await;
        Ok(Done::Ok)
    }
}

/// The simulator's options.
pub(super) fn options(
    listen: SocketAddr,
    size: &TenantSize,
    latency_ms: u32,
    quotas: simulator::Quotas,
) -> simulator::Options {
    simulator::Options {
        users: size.users,
        groups: size.groups,
        memberships: size.memberships,
        seed: size.seed,
        latency_ms,
        quotas,
        ..simulator::Options::new(listen)
    }
}

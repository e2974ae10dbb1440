//! The first synchronisation of a large tenant, beside a bare client that downloads the same pages.
//!
//! `cargo bench -p muster --bench first_sync -- --provider entra --users 100000 --groups 10000 --memberships 1000000`
//!
//! Everything runs as processes of its own on loopback: the simulator, the bare client (this process: same
//! requests, same concurrency, gzip, bodies parsed and dropped) and the server. Prints seconds, CPU seconds, what the
//! simulator counted and peak memory; asserts nothing. With the vendor's quotas the floor is the yardstick.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures time, and ends at the first thing that goes wrong"
)]

#[path = "first_sync/bare.rs"]
mod bare;
#[path = "first_sync/service.rs"]
mod service;

use std::time::Instant;

use clap::Parser;

use self::{
    bare::Bare,
    service::{Tenant, cpu_s, first_sync},
};

#[derive(Parser)]
struct Arguments {
    /// `entra`, `google` or `okta`.
    #[arg(long, default_value = "entra")]
    provider: String,
    #[arg(long, default_value_t = 100_000)]
    users: u32,
    #[arg(long, default_value_t = 10_000)]
    groups: u32,
    #[arg(long, default_value_t = 1_000_000)]
    memberships: u64,
    #[arg(long, default_value_t = 0)]
    latency_ms: u32,
    #[arg(long, default_value = "off")]
    quotas: String,
    /// The share of Okta's limits that is used, in percent.
    #[arg(long, default_value_t = 50)]
    okta_rate_share: u32,
    /// How often each is measured; the best counts.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    /// In flight at the most, as the connector.
    fn concurrency(&self) -> usize {
        if self.provider == "entra" { 64 } else { 10 }
    }

    /// The least that the vendor's quotas allow (`protocols/providers.md` A4, B4, C4), as a line.
    fn floor(&self) -> &'static str {
        match self.provider.as_str() {
            "entra" => "8,000 resource units in 10 s: 25 to 40 s for 100,000 / 10,000 / 1,000,000",
            "google" => {
                "2,400 requests a minute: about 4.3 minutes for 100,000 / 10,000 / 1,000,000"
            }
            _ => "500 requests a minute for members: about 40 minutes at 50 %, 17 to 20 at 100 %",
        }
    }
}

fn main() {
    let arguments = Arguments::parse();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(run(&arguments));
}

async fn run(arguments: &Arguments) {
    let tenant = Tenant::start(arguments);
    println!(
        "{}: {} users, {} groups, {} memberships, latency {} ms, quotas {}",
        arguments.provider,
        arguments.users,
        arguments.groups,
        arguments.memberships,
        arguments.latency_ms,
        arguments.quotas
    );
    let (mut bare, mut ours) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..arguments.rounds {
        if arguments.quotas == "off" {
            bare = bare.min(download(&tenant, arguments).await);
        }
        let before = tenant.cpu_s();
        tenant.reset_counters().await;
        let (seconds, line) = first_sync(&tenant, arguments).await;
        ours = ours.min(seconds);
        println!(
            "first sync       {seconds:6.2} s  {line}  (simulator {:.2} s CPU)",
            tenant.cpu_s() - before
        );
        println!("                 {}", tenant.counted().await);
    }
    let rounds = arguments.rounds;
    if arguments.quotas == "off" {
        println!(
            "best of {rounds}: bare client {bare:.2} s, first sync to committed and served {ours:.2} s: {:.2} times",
            ours / bare
        );
    } else {
        println!(
            "best of {rounds}: {ours:.2} s to committed and served; floor: {}",
            arguments.floor()
        );
    }
}

/// The bare client's seconds.
async fn download(tenant: &Tenant, arguments: &Arguments) -> f64 {
    let client = Bare::log_in(&arguments.provider, &tenant.reach).await;
    let (before, own, began) = (tenant.cpu_s(), cpu_s(std::process::id()), Instant::now());
    let pages = client.download(arguments.concurrency()).await;
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "bare client      {seconds:6.2} s  {:5.2} s CPU  (simulator {:.2} s CPU, {pages} requests)",
        cpu_s(std::process::id()) - own,
        tenant.cpu_s() - before,
    );
    seconds
}

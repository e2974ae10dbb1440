//! Whole documents over loopback: the real server beside nginx with a file of the same bytes.
//!
//! `cargo bench -p muster --bench documents -- --users 100000 --groups 10000 --memberships 1000000`
//!
//! Simulator, server and nginx are processes of their own; the client is this process, plain sockets, the
//! same for both. Prints times, throughput and the server's memory; asserts nothing.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures time, and ends at the first thing that goes wrong"
)]

#[path = "documents/load.rs"]
mod load;
#[path = "documents/service.rs"]
mod service;

use std::{fs, net::SocketAddr};

use clap::Parser;

use self::{
    load::{Read, Request, fetch, rate, time},
    service::{Nginx, Service, cpu_s, resident_mib},
};

#[derive(Parser)]
struct Arguments {
    #[arg(long, default_value_t = 100_000)]
    users: u32,
    #[arg(long, default_value_t = 10_000)]
    groups: u32,
    #[arg(long, default_value_t = 1_000_000)]
    memberships: u64,
    /// How often each document is read.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Connections that ask for one person at the same time.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// For how long they ask.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Leave the server running and print how to ask it.
    #[arg(long)]
    stay: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let service =
        runtime.block_on(Service::start(arguments.users, arguments.groups, arguments.memberships));
    drop(runtime);
    let folder = tempfile::tempdir().unwrap();
    let nginx = Nginx::start(folder.path());
    if nginx.is_none() {
        println!("nginx is not installed, so there is no yardstick: apt-get install nginx-light");
    }
    println!(
        "{} people, {} groups, {} memberships; {} readings each, medians",
        arguments.users, arguments.groups, arguments.memberships, arguments.rounds
    );
    let bench = Bench { arguments, service, nginx, folder };
    println!("{:24} {:>9} {:>12} {:>9} {:>10}", "", "MB", "first byte", "whole", "MB/s");
    let people = "/search?entity-type=user&start-index=0&max-results=-1&expand=user";
    for (name, path) in [("people, expanded", people), ("memberships", "/group/membership")] {
        document(&bench, name, path);
    }
    one_person(&bench);
    if bench.arguments.stay {
        println!("{} with {}", bench.service.address, bench.service.authorization);
        let _ = std::io::stdin().read_line(&mut String::new());
    }
}

/// What everything is measured with.
struct Bench {
    arguments: Arguments,
    service: Service,
    nginx: Option<Nginx>,
    /// What nginx serves.
    folder: tempfile::TempDir,
}

/// One document, read alone.
fn document(bench: &Bench, name: &str, path: &str) {
    let Bench { arguments, service, nginx, folder } = bench;
    let request = service.request(path);
    let whole = fetch(service.address, &request);
    service.forget_peak();
    let before = resident_mib(service.pid(), "VmRSS");
    let line = |who: &str, address: SocketAddr, request: &Request| {
        let mut reads: Vec<Read> = (0..arguments.rounds).map(|_| time(address, request)).collect();
        assert!(reads.iter().all(|read| read.bytes > whole.len()), "{who}");
        let mut median = |of: fn(&Read) -> f64| {
            reads.sort_by(|a, b| of(a).total_cmp(&of(b)));
            of(&reads[reads.len() / 2])
        };
        let (first, all) = (median(|read| read.first_s), median(|read| read.whole_s));
        let megabytes = whole.len() as f64 / 1e6;
        println!(
            "{who:24} {megabytes:9.1} {:9.2} ms {all:7.3} s {:10.0}",
            first * 1e3,
            megabytes / all
        );
    };
    let cpu = cpu_s(service.pid());
    line(name, service.address, &request);
    let cpu = (cpu_s(service.pid()) - cpu) / arguments.rounds as f64;
    let peak = resident_mib(service.pid(), "VmHWM");
    if let Some(nginx) = nginx {
        // A name of its own: nginx keeps files open, with the lengths that they had.
        let file = format!("{}.xml", whole.len());
        fs::write(folder.path().join(&file), &whole).unwrap();
        line("  nginx, the same bytes", nginx.address, &Request::plain(&format!("/{file}")));
    }
    // Whoever shares the machine slows the clock down, not this.
    let rate = whole.len() as f64 / 1e6 / cpu;
    println!("  {:.0} ms of the server's CPU each, {rate:.0} MB a second of it", cpu * 1e3);
    println!("  resident {before} MiB before, {peak} MiB at the peak");
}

/// Many connections that ask for one person.
fn one_person(bench: &Bench) {
    let Bench { arguments, service, nginx, folder } = bench;
    let request = service.request(&format!("/user?username={}", service.somebody()));
    let body = fetch(service.address, &request);
    let line = |who: &str, address: SocketAddr, request: &Request| {
        let rate = rate(address, request, arguments.connections, arguments.seconds);
        println!("{who:24} {rate:10.0} requests/s");
        rate
    };
    println!("one person, {} bytes, {} connections", body.len(), arguments.connections);
    let ours = line("  GET /user", service.address, &request);
    if let Some(nginx) = nginx {
        fs::write(folder.path().join("person.xml"), &body).unwrap();
        let theirs = line("  nginx, the same bytes", nginx.address, &Request::plain("/person.xml"));
        println!("  {:.2} times nginx", ours / theirs);
    }
}

//! `muster serve`, and what `demo` shares with it.

use std::{io::IsTerminal as _, net::SocketAddr, path::PathBuf};

use clap::Args;
use tracing_subscriber::{
    EnvFilter,
    field::MakeExt as _,
    fmt::{MakeWriter, format},
};

use crate::{
    cli::{Done, LISTEN, listen_address},
    clock::Clock,
    config::{self, File},
    safe,
    server::Server,
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
        let server = Server::start(&self.data, listen, &file, Clock::system()).await?;
        println!("Muster listens on {}", server.url);
        println!(
            "products connect to {}/crowd; commands find the server by --data {}",
            server.url,
            self.data.display()
        );
        if let Some(link) = &server.first_link {
            println!("first start: make the first administrator at {link}");
            println!("the link works once, for seven days; a restart prints a new one");
        }
        until_stopped().await;
        println!("stopping");
        server.stop().await;
        Ok(Done::Ok)
    }
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

/// A log of one line for each event, whatever the texts in it.
fn subscriber<W>(filter: EnvFilter, ansi: bool, writer: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let fields = format::debug_fn(|writer, field, value| {
        let text = format!("{value:?}");
        match field.name() {
            "message" => write!(writer, "{}", safe::terminal(&text)),
            name => write!(writer, "{name}={}", safe::terminal(&text)),
        }
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(ansi)
        .with_writer(writer)
        .fmt_fields(fields.delimited(" "))
        .finish()
}

/// Logs to standard error; `MUSTER_LOG` has the last word on what.
pub(super) fn log_to_stderr(default: &str) {
    let wanted = config::log_from_environment().unwrap_or_else(|| default.to_owned());
    let filter = EnvFilter::try_new(&wanted).unwrap_or_else(|error| {
        eprintln!("warning: `{wanted}` does not say what to log ({error}); logging `info`");
        EnvFilter::new("info")
    });
    let ansi = std::io::stderr().is_terminal();
    let subscriber = subscriber(filter, ansi, std::io::stderr);
    // A second server in one process (tests) keeps the first one's log.
    let _ = tracing_subscriber::util::SubscriberInitExt::try_init(subscriber);
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::safe::tests::{HOSTILE, is_tame};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_of_the_log_whatever_is_in_it() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = subscriber(EnvFilter::new("info"), false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            for name in HOSTILE {
                let error = std::io::Error::other(name);
                tracing::warn!(directory = name, %error, ?name, "the group {name} was left out");
            }
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), HOSTILE.len(), "{text}");
        assert!(text.lines().all(is_tame), "{text}");
        assert!(text.contains("error=ad\\u{200B}min") && text.contains(" WARN "), "{text}");
    }
}

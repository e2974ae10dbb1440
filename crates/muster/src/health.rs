//! Whether the server lives and is ready, and its figures for Prometheus.
//!
//! Invariant: no authentication, so nothing here names a person, a group or a secret.

use std::fmt::Write;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use directory::{figures::Exceptions, id::Millis};

use crate::{alert::utc, app::App};

/// `/health/live`, `/health/ready` and `/metrics`.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/health/live", get(async || "alive\n"))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(app)
}

/// The router is served only after everything is loaded; from then on what is committed has to be served too.
async fn ready(State(app): State<App>) -> (StatusCode, String) {
    let Some(not_served) = app.not_served() else { return (StatusCode::OK, "ready\n".to_owned()) };
    let since = utc(not_served.since);
    let told = format!(
        "not ready: since {since} the change log cannot be followed, so that what is committed is not served; the \
         server's log and `muster alert list` say why, and `muster repair` looks for what is damaged\n"
    );
    (StatusCode::SERVICE_UNAVAILABLE, told)
}

async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, exposition(&app))
}

/// One gauge of one directory.
struct Gauge {
    name: &'static str,
    help: &'static str,
    value: fn(&Figures) -> f64,
}

struct Figures {
    users: usize,
    active: usize,
    groups: usize,
    memberships: usize,
    read_s: f64,
    last_s: f64,
    took_s: f64,
    failed: bool,
    held: bool,
    exceptions: Exceptions,
}

const GAUGES: [Gauge; 13] = [
    Gauge { name: "muster_directory_users", help: "People served.", value: |f| f.users as f64 },
    Gauge {
        name: "muster_directory_active_users",
        help: "People who may log in.",
        value: |f| f.active as f64,
    },
    Gauge { name: "muster_directory_groups", help: "Groups served.", value: |f| f.groups as f64 },
    Gauge {
        name: "muster_directory_memberships",
        help: "Memberships served.",
        value: |f| f.memberships as f64,
    },
    Gauge {
        name: "muster_directory_read_seconds",
        help: "When the provider was last read to the end.",
        value: |f| f.read_s,
    },
    Gauge {
        name: "muster_directory_set_aside",
        help: "People and groups that cannot be served.",
        value: |f| f.exceptions.set_aside.total() as f64,
    },
    Gauge {
        name: "muster_directory_other_name",
        help: "People and groups served under another name than the rules make.",
        value: |f| f.exceptions.other_name.total() as f64,
    },
    Gauge {
        name: "muster_directory_discarded",
        help: "People and groups that stay as served since their changes were discarded.",
        value: |f| f.exceptions.discarded.total() as f64,
    },
    Gauge {
        name: "muster_directory_waiting",
        help: "People and groups with changes that wait for a decision.",
        value: |f| f.exceptions.waiting.total() as f64,
    },
    Gauge {
        name: "muster_pull_last_seconds",
        help: "When the last pull ended.",
        value: |f| f.last_s,
    },
    Gauge {
        name: "muster_pull_duration_seconds",
        help: "How long the last pull took.",
        value: |f| f.took_s,
    },
    Gauge {
        name: "muster_pull_failed",
        help: "Whether the last pull failed.",
        value: |f| f64::from(u8::from(f.failed)),
    },
    Gauge {
        name: "muster_plan_held",
        help: "Whether changes wait for approval.",
        value: |f| f64::from(u8::from(f.held)),
    },
];

fn exposition(app: &App) -> String {
    let published = app.published.load();
    let figures: Vec<(String, Figures)> = published
        .directories
        .iter()
        .map(|(id, served)| {
            let size = served.directory.size();
            let status = app.keeper(*id).map(|keeper| keeper.status()).unwrap_or_default();
            let last = status.last_pull.unwrap_or_default();
            let seconds = |at: Millis| at.0 as f64 / 1_000.0;
            let figures = Figures {
                users: size.users,
                active: size.active_users,
                groups: size.groups,
                memberships: size.all_memberships(),
                read_s: seconds(status.state.last_read.unwrap_or_default()),
                last_s: seconds(last.finished),
                took_s: last.finished.since(last.started) as f64 / 1_000.0,
                failed: status.state.read_failure.is_some(),
                held: !status.state.held.is_empty(),
                exceptions: status.state.exceptions.unwrap_or_default(),
            };
            (served.name.replace(['\\', '"', '\n'], "_"), figures)
        })
        .collect();
    let mut text = String::new();
    for gauge in &GAUGES {
        let _ = writeln!(text, "# HELP {} {}\n# TYPE {} gauge", gauge.name, gauge.help, gauge.name);
        for (name, figures) in &figures {
            let _ =
                writeln!(text, "{}{{directory=\"{name}\"}} {}", gauge.name, (gauge.value)(figures));
        }
    }
    let name = "muster_failed_authentications_total";
    let _ = writeln!(
        text,
        "# HELP {name} Authentications that failed, or were refused unjudged after many."
    );
    let _ = writeln!(text, "# TYPE {name} counter");
    for (place, failed, refused) in app.failed_sign_ins.counts() {
        for (outcome, count) in [("failed", failed), ("refused", refused)] {
            let place = place.as_str();
            let _ = writeln!(text, "{name}{{place=\"{place}\",outcome=\"{outcome}\"}} {count}");
        }
    }
    let alerts = app.alerts.status();
    for (name, help, value) in [
        ("muster_alerts_open", "Alerts that are open.", alerts.open),
        ("muster_alert_channels_failing", "Channels that cannot be told.", alerts.channels_failing),
    ] {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
    }
    let _ = writeln!(text, "# HELP muster_change_seq Position of the change log that is served.");
    let _ =
        writeln!(text, "# TYPE muster_change_seq gauge\nmuster_change_seq {}", published.head.0);
    text
}

//! How this server is set up, to be read: it is changed in the configuration file.

use askama::Template;
use axum::response::Response;

use super::page::{Frame, Refusal, Visit, show};

#[derive(Debug, Template)]
#[template(path = "settings.html")]
pub(super) struct SettingsPage {
    frame: Frame,
    base: String,
    public: bool,
    version: &'static str,
    instance: String,
    epoch: u64,
    head: u64,
    proxies: Vec<String>,
    plain_http: bool,
    read_only: bool,
}

impl SettingsPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self {
            frame: Frame::sample(),
            base: "http://127.0.0.1:8095".to_owned(),
            public: false,
            version: "0.1.0",
            instance: "abc".to_owned(),
            epoch: 1,
            head: 7,
            proxies: vec!["10.0.0.0/8".to_owned()],
            plain_http: true,
            read_only: true,
        }
    }
}

pub(super) async fn show_settings(visit: Visit) -> Result<Response, Refusal> {
    let app = visit.app();
    show(&SettingsPage {
        frame: visit.frame("Settings", "settings"),
        base: visit.base(),
        public: app.public_url.is_some(),
        version: env!("CARGO_PKG_VERSION"),
        instance: app.store.instance().to_owned(),
        epoch: app.store.epoch(),
        head: app.published.load().head.0,
        proxies: visit.console.proxies.networks().iter().map(ToString::to_string).collect(),
        plain_http: visit.console.allow_plain_http,
        read_only: app.store.read_only(),
    })
}

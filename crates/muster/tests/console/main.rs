//! The console's gate and doors, without a browser: who comes in, and who may do what.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../e2e/changed.rs"]
mod changed;

pub(crate) use self::changed::changed;

use std::net::SocketAddr;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Method, Request, StatusCode, header},
    middleware::from_fn_with_state,
};
use futures_util::future::join_all;
use muster::{
    app::App,
    clock::Clock,
    config::File,
    console::{self, Console},
    hashing::hash,
    peer,
    service::{
        Actor,
        administrator::{self, Invite},
    },
};
use store::Role;
use tempfile::TempDir;
use tower::ServiceExt;

const PASSWORD: &str = "four quiet green lamps";
/// Where routes stand.
const SOURCES: [&str; 2] =
    [include_str!("../../src/console.rs"), include_str!("../../src/console/wizard.rs")];
/// What concerns only oneself, or comes before one is anybody.
const OWN: [&str; 6] = [
    "/sign-in",
    "/sign-out",
    "/theme",
    "/account/password",
    "/account/sign-out-everywhere",
    "/first-start/{token}",
];

struct House {
    router: Router,
    app: App,
    _data: TempDir,
}

/// An answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl House {
    async fn new(config: &str) -> Self {
        Self::at(config, Clock::system()).await
    }

    /// A house in which no time passes: what depends on the pace of attempts is the same on a busy machine.
    async fn stopped(config: &str) -> Self {
        let now = Clock::system().now();
        Self::at(config, Clock::from_fn(move || now)).await
    }

    async fn at(config: &str, clock: Clock) -> Self {
        let data = tempfile::tempdir().unwrap();
        let file: File = toml::from_str(config).unwrap();
        let public = file.public_url().unwrap();
        let app = App::open(data.path().to_owned(), clock, public).await.unwrap();
        for (name, role) in [("ann", Role::Administrator), ("rita", Role::Reader)] {
            let hash = hash(PASSWORD.to_owned()).await.unwrap();
            let now = app.clock.now();
            app.blocking(move |store| {
                crate::changed(store, |change| change.put_administrator(name, role, &hash, now))
            })
            .await
            .unwrap();
        }
        let router = console::router(Console::new(app.clone(), &file));
        let router = router.layer(from_fn_with_state(file.proxies(), peer::find));
        Self { router, app, _data: data }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "127.0.0.1:8095");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request = request.header("content-type", "application/x-www-form-urlencoded");
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 4000))));
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// A link for somebody who is there, made by the server's own token.
    async fn link_for(&self, name: &str) -> String {
        let actor = Actor::server("test");
        administrator::link(&self.app, &actor, "", name).await.unwrap().link
    }

    /// A link for a reader who is new, made by the server's own token.
    async fn invite(&self, name: Option<&str>) -> String {
        let wanted = Invite { name: name.map(str::to_owned), role: Role::Reader };
        let actor = Actor::server("test");
        administrator::invite(&self.app, &actor, "", wanted).await.unwrap().link
    }

    /// The link that an administrator makes on their page.
    async fn invited_by(&self, cookie: &str, name: &str, role: &str) -> String {
        let form = format!("name={name}&role={role}");
        let page = self.post("/administrators", cookie, &form).await.body;
        let at = page.find("/first-start/").unwrap();
        page[at..].split('<').next().unwrap().to_owned()
    }

    async fn post(&self, path: &str, cookie: &str, body: &str) -> Answer {
        let headers = [("sec-fetch-site", "same-origin"), ("cookie", cookie)];
        self.ask(Method::POST, path, &headers, body).await
    }

    async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.ask(Method::GET, path, &[("cookie", cookie)], "").await
    }

    /// Signs somebody in; gives the cookie.
    async fn sign_in(&self, name: &str) -> String {
        let form = format!("name={name}&password={}", PASSWORD.replace(' ', "+"));
        let answer = self.post("/sign-in", "", &form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        answer.header(header::SET_COOKIE).split(';').next().unwrap().to_owned()
    }
}

/// Paths that take a `POST`, with names in the place of parameters.
fn posts() -> Vec<String> {
    let mut paths = Vec::new();
    for source in SOURCES {
        let nested = source.split("let pages = Router::new()").nth(1).unwrap_or_default();
        let nested = nested.split(';').next().unwrap();
        for line in
            source.lines().filter(|line| line.contains(".route(\"") && line.contains("post("))
        {
            let path = line.split('"').nth(1).unwrap();
            let prefix = if nested.contains(line) { "/directories/{name}" } else { "" };
            paths.push(format!("{prefix}{path}"));
        }
    }
    paths.retain(|path| !OWN.contains(&path.as_str()));
    let named = |path: &String| {
        path.replace("{name}", "x")
            .replace("{draft}", "y")
            .replace("{step}", "app")
            .replace("{id}", "1")
    };
    paths.iter().map(named).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_and_a_stranger_change_nothing_whatever_they_ask() {
    let house = House::new("").await;
    let posts = posts();
    assert!(posts.len() >= 30, "the routes are found: {posts:?}");
    let reader = house.sign_in("rita").await;
    for path in &posts {
        let answer = house.post(path, &reader, "").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(answer.body.contains("needs an administrator"), "{path}");
        let answer = house.post(path, "", "").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert_eq!(answer.header(header::LOCATION), "/sign-in", "{path}");
    }
    assert_eq!(house.get("/administrators", &reader).await.status, StatusCode::OK);
    assert_eq!(house.get("/connect", &reader).await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.get("/connect/y/muster.cer", &reader).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_other_pages_are_refused_and_pages_run_nothing_foreign() {
    let house = House::new("").await;
    let ann = house.sign_in("ann").await;
    for foreign in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("accept", "*/*"),
    ] {
        let headers = [foreign, ("cookie", &ann)];
        let answer = house.ask(Method::POST, "/account/sign-out-everywhere", &headers, "").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{foreign:?}");
    }
    for path in ["/", "/sign-in", "/no/such/page", "/assets/0/console.css"] {
        let answer = house.get(path, &ann).await;
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"),
            "{path}"
        );
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_network_only_encrypted_and_then_with_a_bound_cookie() {
    let house = House::new("trusted_proxies = [\"127.0.0.1\"]\n").await;
    let plain = [("host", "muster.example.org")];
    let answer = house.ask(Method::GET, "/sign-in", &plain, "").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("encrypted connection"));
    let proxied = [
        ("host", "muster.example.org"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "192.0.2.9"),
        ("origin", "https://muster.example.org"),
    ];
    let form = format!("name=ann&password={}", PASSWORD.replace(' ', "+"));
    let answer = house.ask(Method::POST, "/sign-in", &proxied, &form).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let cookie = answer.header(header::SET_COOKIE);
    assert!(cookie.starts_with("__Host-muster="), "{cookie}");
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!answer.header(header::STRICT_TRANSPORT_SECURITY).is_empty());
    let audited = house.app.store.audit_log(&store::AuditFilter { limit: 1, ..Default::default() });
    assert_eq!(audited.unwrap()[0].entry.origin, "192.0.2.9");
    let allowed = House::new("allow_plain_http = true\n").await;
    assert_eq!(allowed.ask(Method::GET, "/sign-in", &plain, "").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_not_tried_for_ever() {
    let house =
        House::stopped("trusted_proxies = [\"127.0.0.1\"]\nallow_plain_http = true\n").await;
    let from = async |address: &str, form: &str| {
        let headers = [("sec-fetch-site", "same-origin"), ("x-forwarded-for", address)];
        house.ask(Method::POST, "/sign-in", &headers, form).await
    };
    let right = format!("name=ANN&password={}", PASSWORD.replace(' ', "+"));
    assert_eq!(from("192.0.2.1", &right).await.status, StatusCode::SEE_OTHER);
    // A hundred and twenty at once, known names and unknown ones: ten are judged.
    for name in ["ann", "nobody"] {
        let address = if name == "ann" { "192.0.2.7" } else { "192.0.2.8" };
        let forms: Vec<String> = (0..120).map(|no| format!("name={name}&password=x{no}")).collect();
        let answers = join_all(forms.iter().map(|form| from(address, form))).await;
        let judged = answers.iter().filter(|one| one.status == StatusCode::UNAUTHORIZED).count();
        let refused = answers.iter().filter(|one| one.status == StatusCode::TOO_MANY_REQUESTS);
        assert_eq!((judged, refused.count()), (10, 110), "{name}");
    }
    let answer = from("192.0.2.7", &right).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.body.contains("Try again in"));
    // Strangers with empty passwords, from everywhere, do not lock their victim out where it is signed in.
    for no in 0..80 {
        from(&format!("203.0.113.{no}"), "name=ann&password=").await;
    }
    let elsewhere = from("198.51.100.1", &right).await.status;
    assert_eq!(elsewhere, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(from("192.0.2.1", &right).await.status, StatusCode::SEE_OTHER);
    assert_eq!(
        from("198.51.100.1", &right.replace("ANN", "rita")).await.status,
        StatusCode::SEE_OTHER
    );
    let [(_, failed, refused), ..] = house.app.failed_sign_ins.counts();
    assert!(failed == 60 && refused >= 250, "{failed} {refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_everywhere_at_once() {
    let house = House::new("").await;
    let (here, there) = (house.sign_in("ann").await, house.sign_in("ann").await);
    assert_eq!(house.get("/account", &there).await.status, StatusCode::OK);
    house.post("/account/sign-out-everywhere", &here, "").await;
    for cookie in [&here, &there] {
        let answer = house.get("/account?x=1", cookie).await;
        assert_eq!(answer.header(header::LOCATION), "/sign-in?next=%2Faccount%3Fx%3D1");
    }
    let ann = house.sign_in("ann").await;
    let rita = house.sign_in("rita").await;
    house.post("/administrators/rita/remove", &ann, "").await;
    assert_eq!(house.get("/", &rita).await.status, StatusCode::SEE_OTHER);
    house.post("/administrators/ann/remove", &ann, "").await;
    assert_eq!(house.get("/", &ann).await.status, StatusCode::OK, "the last one stays");
}

/// What becomes of one-time links when something happens to whom they are for or to who made them.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_dies_with_whom_it_is_for_and_with_who_made_it() {
    const FORM: &str = "password=another+long+one&again=another+long+one";
    // What happens, as requests of ann's, and whether rita's own link, ann's link for `zoe` and bob's link for `kim` work.
    type Events = &'static [(&'static str, &'static str)];
    let cases: [(Events, [bool; 3]); 7] = [
        (&[], [true, true, true]),
        (&[("/administrators/rita/role", "role=administrator")], [false, true, true]),
        (&[("/administrators/rita/remove", "")], [false, true, true]),
        (&[("/administrators/bob/role", "role=reader")], [true, true, false]),
        (&[("/administrators/bob/remove", "")], [true, true, false]),
        (&[("/administrators/bob/sign-out", "")], [true, true, true]),
        (
            &[
                ("/administrators/bob/remove", ""),
                ("/administrators", "name=bob&role=administrator"),
            ],
            [true, true, false],
        ),
    ];
    for (events, expected) in cases {
        let house = House::new("").await;
        let ann = house.sign_in("ann").await;
        let link = house.invited_by(&ann, "bob", "administrator").await;
        let answer = house.post(&link, "", FORM).await;
        let bob = answer.header(header::SET_COOKIE).split(';').next().unwrap().to_owned();
        let links = [
            house.link_for("rita").await,
            house.invited_by(&ann, "zoe", "administrator").await,
            house.invited_by(&bob, "kim", "reader").await,
        ];
        for (path, form) in events {
            let status = house.post(path, &ann, form).await.status;
            assert!(status.is_success() || status.is_redirection(), "{path}: {status}");
        }
        for (link, works) in links.iter().zip(expected) {
            let status = house.post(link, "", FORM).await.status;
            let wanted = if works { StatusCode::SEE_OTHER } else { StatusCode::NOT_FOUND };
            assert_eq!(status, wanted, "{events:?}: {link}");
        }
    }
    // A role is read when the link is used: what was meant for a reader makes nobody else's account a reader's.
    let house = House::new("").await;
    let nameless = house.invite(None).await;
    let answer = house.post(&nameless, "", &format!("name=ann&{FORM}")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(house.get("/", &house.sign_in("ann").await).await.status, StatusCode::OK);
    // A link that is open is listed, without what lets somebody in, and revoked.
    let ann = house.sign_in("ann").await;
    let page = house.get("/administrators", &ann).await.body;
    assert!(page.contains("whoever follows it chooses a name"));
    let secret = nameless.rsplit('/').next().unwrap();
    assert!(!page.contains(secret));
    let id = page.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    house.post("/invitations/revoke", &ann, &format!("id={id}")).await;
    assert_eq!(house.get(&nameless, "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_lets_one_in_and_first_links_are_only_for_the_first() {
    let house = House::new("").await;
    assert!(
        administrator::first_link(&house.app, "http://x").await.unwrap().is_none(),
        "there is somebody"
    );
    let link = house.link_for("rita").await;
    let old = house.sign_in("rita").await;
    let form = "password=another+long+one&again=another+long+one";
    let answer = house.post(&link, "", form).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(house.get("/", &old).await.status, StatusCode::SEE_OTHER, "old sessions end");
    assert_eq!(house.post(&link, "", form).await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.get(&link, "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_refuse_names_that_cannot_be_addressed_and_pages_show_older_ones() {
    let house = House::new("").await;
    let ann = house.sign_in("ann").await;
    for name in ["%2E", "..", "a%2Fb", "a%E2%80%8Bb", "%E2%80%8B", "-x", "~2e", "a%0Ab"] {
        for (path, form) in [
            ("/applications", format!("product=jira&directory=x&name={name}")),
            ("/administrators", format!("role=reader&name={name}")),
            ("/tokens", format!("scope=read&days=30&name={name}")),
        ] {
            let answer = house.post(path, &ann, &form).await;
            assert!(
                answer.body.contains("cannot be the name of"),
                "{path} {name}: {}",
                answer.body
            );
        }
        let form = format!("kind=slack&secret=https%3A%2F%2Fhooks.example.org%2Fx&name={name}");
        let answer = house.post("/alerts/channels", &ann, &form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert!(house.app.store.channels().unwrap().is_empty(), "{name}");
        let link = house.invite(None).await;
        let form = format!("password=another+long+one&again=another+long+one&name={name}");
        let answer = house.post(&link, "", &form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    }
    let link = house.invite(None).await;
    let form = "password=another+long+one&again=another+long+one&name=ANN";
    let answer = house.post(&link, "", form).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "nobody takes an account over");

    for name in [".", "..", "a/b", "new", "~2e", "\u{200b}"] {
        let now = house.app.clock.now();
        let sight = store::Sight {
            directories: Vec::new(),
            aggregate: false,
            flattened: true,
            frozen_names: false,
        };
        let (name, password_hash) = (name.to_owned(), "h".to_owned());
        let new = store::NewApplication {
            name: name.clone(),
            password_hash,
            sight,
            addresses: Vec::new(),
        };
        crate::changed(&house.app.store, |change| change.add_application(&new, now)).unwrap();
        let path = format!("/applications/{}", directory::resource_name::path_form(&name));
        assert!(house.get("/applications", &ann).await.body.contains(&format!("\"{path}\"")));
        assert_eq!(house.get(&path, &ann).await.status, StatusCode::OK, "{path}");
        let remove = format!("{path}/remove");
        house.post(&remove, &ann, "name=jira").await;
        assert_eq!(house.app.store.applications().unwrap().len(), 1, "not confirmed");
        let typed =
            if name == "\u{200b}" { "~e2808b".to_owned() } else { name.replace('/', "%2F") };
        house.post(&remove, &ann, &format!("name={typed}")).await;
        assert!(house.app.store.applications().unwrap().is_empty(), "{name:?}");
    }
}

//! A server over directories made by hand, and the one request helper.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use arc_swap::ArcSwap;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Request, StatusCode, header},
    middleware::from_fn_with_state,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use directory::{
    change::{Change, LogEntry, MembersChange},
    group::Group,
    id::{ChangeSeq, DirectoryId, GroupNo, Millis, ProviderId, RunId, UserNo},
    name::Name,
    recent::Recent,
    snapshot::Directory,
    user::{User, UserFields},
    view::{Frozen, FrozenNames, Published, Served, Shape, renamed},
};
use muster::crowd::{
    self, Application, ApplicationId, ApplicationRegistry, CrowdState, Session, Sessions,
    SessionsFailed, Settings, Surroundings, TokenDigest, Webhook, Webhooks, WebhooksFailed,
};
use muster::peer::{self, Proxies};
use muster::sign_in::{Person as SignedIn, SignIn, Verdict};
use secrecy::{ExposeSecret, SecretString};
use tower::ServiceExt;

use crate::{floors::MemoryFloors, tree::Node};

pub(crate) const PASSWORD: &str = "pass:wörd";
/// 2024-01-01T00:00:00Z.
pub(crate) const START: Millis = Millis(1_704_067_200_000);

/// A person of a hand-made directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) email: String,
    pub(crate) active: bool,
}

impl Person {
    pub(crate) fn named(name: &str) -> Self {
        let email = format!("{}@example.org", name.replace(' ', "."));
        let (first, last) = (format!("First {name}"), "Last".to_owned());
        Self { name: name.to_owned(), first, last, email, active: true }
    }
}

/// A group of a hand-made directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Team {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) users: BTreeSet<u32>,
    pub(crate) groups: BTreeSet<u32>,
}

impl Team {
    pub(crate) fn of(name: &str, users: &[u32], groups: &[u32]) -> Self {
        Self {
            name: name.to_owned(),
            description: String::new(),
            users: users.iter().copied().collect(),
            groups: groups.iter().copied().collect(),
        }
    }
}

/// What a directory is to be like.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) people: BTreeMap<u32, Person>,
    pub(crate) teams: BTreeMap<u32, Team>,
}

impl State {
    pub(crate) fn of(people: &[&str], teams: &[Team]) -> Self {
        let people = (0..).zip(people.iter().map(|name| Person::named(name))).collect();
        Self { people, teams: (0..).zip(teams.iter().cloned()).collect() }
    }

    /// Drops edges whose ends are not there.
    pub(crate) fn tidy(&mut self) {
        let teams: BTreeSet<u32> = self.teams.keys().copied().collect();
        for team in self.teams.values_mut() {
            team.users.retain(|no| self.people.contains_key(no));
            team.groups.retain(|no| teams.contains(no));
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct MemorySessions(Mutex<BTreeMap<TokenDigest, Session>>);

impl Sessions for MemorySessions {
    fn start(&self, session: &Session) -> Result<(), SessionsFailed> {
        self.0.lock().unwrap().insert(session.token, session.clone());
        Ok(())
    }

    fn find(&self, token: &TokenDigest) -> Result<Option<Session>, SessionsFailed> {
        Ok(self.0.lock().unwrap().get(token).cloned())
    }

    fn prolong(&self, token: &TokenDigest, expires: Millis) -> Result<(), SessionsFailed> {
        self.0.lock().unwrap().get_mut(token).unwrap().expires = expires;
        Ok(())
    }

    fn end(&self, token: &TokenDigest) -> Result<(), SessionsFailed> {
        self.0.lock().unwrap().remove(token);
        Ok(())
    }

    fn end_all(
        &self,
        directory: DirectoryId,
        person: &ProviderId,
        except: Option<&TokenDigest>,
    ) -> Result<(), SessionsFailed> {
        let of = |session: &Session| session.directory == directory && session.person == *person;
        self.0.lock().unwrap().retain(|token, s| !of(s) || except == Some(token));
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct MemoryWebhooks(Mutex<Vec<Webhook>>);

impl Webhooks for MemoryWebhooks {
    fn add(
        &self,
        application: ApplicationId,
        endpoint: &str,
        token: Option<&SecretString>,
    ) -> Result<Option<Webhook>, WebhooksFailed> {
        let mut all = self.0.lock().unwrap();
        let id = u32::try_from(all.len()).unwrap() + 1;
        let endpoint = endpoint.to_owned();
        all.push(Webhook { id, application, endpoint, token: token.cloned() });
        Ok(all.last().cloned())
    }

    fn find(&self, id: u32) -> Result<Option<Webhook>, WebhooksFailed> {
        Ok(self.0.lock().unwrap().iter().find(|webhook| webhook.id == id).cloned())
    }

    fn remove(&self, id: u32) -> Result<(), WebhooksFailed> {
        self.0.lock().unwrap().retain(|webhook| webhook.id != id);
        Ok(())
    }
}

/// Knows one password, and says something else of some others.
#[derive(Debug)]
pub(crate) struct TestSignIn;

/// The password that [`TestSignIn`] takes for everybody's.
pub(crate) const RIGHT: &str = " s3cret ü]]>";

impl SignIn for TestSignIn {
    fn check<'a>(
        &'a self,
        _: &'a SignedIn,
        password: &'a SecretString,
    ) -> futures_util::future::BoxFuture<'a, Verdict> {
        let verdict = match password.expose_secret() {
            RIGHT => Verdict::Right,
            "expired" => Verdict::Expired,
            "locked" => Verdict::Inactive,
            "not here" => Verdict::NotAllowed,
            "down" => Verdict::Failed("connection refused".to_owned()),
            "unchecked" => Verdict::NotAvailable,
            _ => Verdict::Wrong,
        };
        Box::pin(std::future::ready(verdict))
    }
}

pub(crate) struct World {
    pub(crate) published: Arc<ArcSwap<Published>>,
    pub(crate) applications: Arc<ApplicationRegistry>,
    pub(crate) now: Arc<AtomicI64>,
    pub(crate) floors: Arc<MemoryFloors>,
    pub(crate) router: Router,
}

pub(crate) fn cheap_hash(password: &str) -> String {
    let params = Params::new(8, 1, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password(password.as_bytes()).unwrap().to_string()
}

pub(crate) fn application(id: u32, name: &str, directories: &[u32]) -> Application {
    Application {
        id,
        name: name.to_owned(),
        password_hash: cheap_hash(PASSWORD),
        directories: directories.iter().copied().map(DirectoryId).collect(),
        shape: Shape::default(),
        addresses: Vec::new(),
    }
}

impl World {
    /// Directories 1, 2, … as given; `jira` sees all of them, `united` too but aggregated, `flat` and
    /// `flat-united` flattened, `frozen` under frozen names.
    pub(crate) fn new(states: &[State]) -> Self {
        Self::with(states, Settings::default())
    }

    /// The same with settings.
    pub(crate) fn with(states: &[State], settings: Settings) -> Self {
        let directories: BTreeMap<_, _> = (1..)
            .zip(states)
            .map(|(no, _)| {
                let name = format!("directory {no}").into();
                let directory = Arc::new(Directory::default());
                let key = no.to_string().into();
                let served = Served {
                    name,
                    key,
                    directory,
                    served_once: true,
                    removing: false,
                    incomplete: false,
                };
                (DirectoryId(no), served)
            })
            .collect();
        let ids: Vec<u32> = directories.keys().map(|id| id.0).collect();
        let published = Published {
            instance: "instance-1".into(),
            epoch: 1,
            head: ChangeSeq(0),
            directories,
            recent: Recent::from(ChangeSeq(0)),
            frozen: BTreeMap::new(),
            successors: Arc::default(),
            without_leavers: BTreeMap::new(),
        };
        let published = Arc::new(ArcSwap::from_pointee(published));
        let applications = Arc::new(ApplicationRegistry::default());
        let shaped = |id, name, aggregate, flattened| {
            let shape = Shape { aggregate, flattened, frozen: None };
            Application { shape, ..application(id, name, &ids) }
        };
        let frozen = Shape { frozen: Some(5), ..Shape::default() };
        applications.replace(vec![
            application(1, "Jira", &ids),
            shaped(2, "united", true, false),
            shaped(3, "flat", false, true),
            shaped(4, "flat-united", true, true),
            Application { shape: frozen, ..application(5, "frozen", &ids) },
        ]);
        let now = Arc::new(AtomicI64::new(START.0));
        let clock = Arc::clone(&now);
        let floors = Arc::new(MemoryFloors::default());
        let state = CrowdState::new(Surroundings {
            published: Arc::clone(&published),
            applications: Arc::clone(&applications),
            floors: floors.clone(),
            sessions: Arc::new(MemorySessions::default()),
            webhooks: Arc::new(MemoryWebhooks::default()),
            sign_in: Arc::new(TestSignIn),
            clock: Arc::new(move || Millis(clock.load(Ordering::SeqCst))),
            failed_sign_ins: Arc::default(),
            settings,
        });
        let proxies = Proxies::new(["10.0.0.0/8".parse().unwrap()]);
        let router = crowd::router(state).layer(from_fn_with_state(proxies, peer::find));
        let world = Self { published, applications, now, floors, router };
        for (no, state) in (1..).zip(states) {
            world.commit(no, state);
        }
        world
    }

    /// alice, bob (inactive), "ann b+c&ö%", carl and the groups devs > leads > cycle > devs, and empty.
    pub(crate) fn usual() -> Self {
        Self::new(&Self::usual_states())
    }

    /// The directories of [`World::usual`]: one, or two that have half of the people each.
    pub(crate) fn usual_states() -> Vec<State> {
        let mut state = State::of(
            &["alice", "bob", "Ann b+c&ö%", "carl"],
            &[
                Team::of("devs", &[0], &[1]),
                Team::of("leads", &[1, 2], &[2]),
                Team::of("Cycle & \"Co\" <😀>", &[3], &[0]),
                Team::of("empty", &[], &[]),
            ],
        );
        state.people.get_mut(&1).unwrap().active = false;
        state.people.get_mut(&3).unwrap().email = String::new();
        "Developers".clone_into(&mut state.teams.get_mut(&0).unwrap().description);
        let mut states = vec![state; crate::DIRECTORIES];
        let count = u32::try_from(states.len()).unwrap();
        for (part, state) in (0..).zip(&mut states) {
            state.people.retain(|no, _| no * count / 4 == part);
            state.tidy();
        }
        states
    }

    pub(crate) fn advance(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn head(&self) -> ChangeSeq {
        self.published.load().head
    }

    /// Brings a directory to a state by one run.
    pub(crate) fn commit(&self, directory: u32, state: &State) {
        let mut published = Published::clone(&self.published.load());
        let id = DirectoryId(directory);
        let served = published.directories.get_mut(&id).unwrap();
        let at = Millis(self.now.load(Ordering::SeqCst));
        let changes = changes(&served.directory, state, at);
        served.directory = Arc::new(served.directory.apply(&changes).unwrap());
        let mut names = published.frozen.get(&5).map(|f| f.names().clone()).unwrap_or_default();
        freeze(&mut names, id, &changes);
        published.frozen = [(5, Frozen::new(names, &published.directories))].into();
        let run = RunId(published.head.0);
        let entries: Vec<LogEntry> = (published.head.0 + 1..)
            .zip(changes)
            .map(|(seq, change)| LogEntry { seq: ChangeSeq(seq), run, at, directory: id, change })
            .collect();
        published.head = entries.last().map_or(published.head, |entry| entry.seq);
        published.recent.extend(&entries);
        self.published.store(Arc::new(published));
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Published)) {
        let mut published = Published::clone(&self.published.load());
        change(&mut published);
        self.published.store(Arc::new(published));
    }

    /// A request behind the version, unless the path says otherwise.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask<'_> {
        if path.starts_with("/crowd/") || path.starts_with("/rest/") {
            return self.ask_at(method, path);
        }
        self.ask_at(method, &format!("/crowd/rest/usermanagement/1{path}"))
    }

    /// A request of a whole path.
    pub(crate) fn ask_at(&self, method: &str, path: &str) -> Ask<'_> {
        let request =
            Request::builder().method(method).uri(path).header(header::HOST, "muster.example.org");
        Ask {
            world: self,
            request,
            credentials: Some(format!("jira:{PASSWORD}")),
            peer: "192.0.2.1".parse().unwrap(),
            body: Body::empty(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).send().await
    }

    pub(crate) async fn xml(&self, path: &str) -> Node {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.xml()
    }

    pub(crate) async fn json(&self, path: &str) -> serde_json::Value {
        let answer = self.ask("GET", path).header("accept", "application/json").send().await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    pub(crate) async fn post(&self, path: &str, xml: &str) -> Answer {
        self.ask("POST", path).body("application/xml; charset=UTF-8", xml).send().await
    }
}

pub(crate) struct Ask<'a> {
    world: &'a World,
    request: axum::http::request::Builder,
    credentials: Option<String>,
    peer: IpAddr,
    body: Body,
}

impl Ask<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn credentials(mut self, credentials: Option<&str>) -> Self {
        self.credentials = credentials.map(str::to_owned);
        self
    }

    pub(crate) fn of(self, application: &str) -> Self {
        let credentials = format!("{application}:{PASSWORD}");
        self.credentials(Some(&credentials))
    }

    pub(crate) fn peer(mut self, peer: &str) -> Self {
        self.peer = peer.parse().unwrap();
        self
    }

    pub(crate) fn body(mut self, kind: &str, body: &str) -> Self {
        self.body = Body::from(body.to_owned());
        self.header("content-type", kind)
    }

    pub(crate) async fn send(self) -> Answer {
        let mut request = self.request;
        if let Some(credentials) = self.credentials {
            let value = format!("Basic {}", STANDARD.encode(credentials));
            request = request.header(header::AUTHORIZATION, value);
        }
        let mut request = request.body(self.body).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(self.peer, 40_000)));
        let response = self.world.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(bytes.into()).unwrap();
        assert!(parts.headers.contains_key("x-embedded-crowd-version"), "no version: {body}");
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn xml(&self) -> Node {
        assert!(self.header("content-type").starts_with("application/xml"), "{self:?}");
        Node::parse(&self.body)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        assert!(self.header("content-type").starts_with("application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Asserts an error entity.
    pub(crate) fn fails(&self, status: u16, reason: &str) -> String {
        assert_eq!(self.status, status, "{self:?}");
        let error = self.xml();
        assert_eq!(error.name, "error");
        assert_eq!(error.text_of("reason"), Some(reason), "{self:?}");
        error.text_of("message").unwrap().to_owned()
    }
}

/// The changes of one run.
fn changes(directory: &Directory, state: &State, at: Millis) -> Vec<Change> {
    let mut changes = Vec::new();
    let last = |counts: usize| u32::try_from(counts).unwrap() + 64;
    let users = last(directory.size().users.max(state.people.len()));
    for no in (0..users).map(UserNo) {
        let before = directory.user(no).cloned();
        let after = state.people.get(&no.0).map(|person| user(no, person, before.as_deref(), at));
        if before != after {
            changes.push(Change::User { no, before, after });
        }
    }
    let groups = last(directory.size().groups.max(state.teams.len()));
    for no in (0..groups).map(GroupNo) {
        let before = directory.group(no).cloned();
        let team = state.teams.get(&no.0);
        let after = team.map(|team| group(no, team, before.as_deref(), at));
        if before != after {
            changes.push(Change::Group { no, before, after });
        }
        let mut members = MembersChange::of(no);
        let (users, groups) =
            team.map(|team| (team.users.clone(), team.groups.clone())).unwrap_or_default();
        let old: BTreeSet<u32> = directory.users_of(no).iter().copied().collect();
        members.users_added = users.difference(&old).copied().map(UserNo).collect();
        members.users_removed = old.difference(&users).copied().map(UserNo).collect();
        let old: BTreeSet<u32> = directory.children_of(no).iter().copied().collect();
        members.groups_added = groups.difference(&old).copied().map(GroupNo).collect();
        members.groups_removed = old.difference(&groups).copied().map(GroupNo).collect();
        if members.edges() > 0 {
            changes.push(Change::Members(members));
        }
    }
    changes
}

/// What the store does for an application with frozen names.
fn freeze(names: &mut FrozenNames, directory: DirectoryId, changes: &[Change]) {
    for (no, name) in changes.iter().filter_map(renamed) {
        let name = Name::parse(name).unwrap();
        let taken = names.iter().any(|((id, _), known)| *id == directory && *known == name);
        if !taken {
            names.entry((directory, no)).or_insert(name);
        }
    }
}

fn user(no: UserNo, person: &Person, before: Option<&User>, at: Millis) -> Arc<User> {
    let make = |updated| {
        User::new(&UserFields {
            id: &ProviderId::parse(&format!("u{}", no.0)).unwrap(),
            name: &Name::parse(&person.name).unwrap(),
            first_name: &person.first,
            last_name: &person.last,
            display_name: &format!("{} {}", person.first, person.last),
            email: &person.email,
            active: person.active,
            created: before.map_or(at, User::created),
            updated,
        })
    };
    let user = make(at);
    Arc::new(before.filter(|before| before.same_as(&user)).cloned().unwrap_or(user))
}

fn group(no: GroupNo, team: &Team, before: Option<&Group>, at: Millis) -> Arc<Group> {
    let id = ProviderId::parse(&format!("g{}", no.0)).unwrap();
    let name = Name::parse(&team.name).unwrap();
    let group = Group::new(id, name, &team.description, before.map_or(at, Group::created), at);
    Arc::new(before.filter(|before| before.same_as(&group)).cloned().unwrap_or(group))
}

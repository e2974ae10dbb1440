//! A small directory, known twice: as the server serves it, and as a plain list to compare with.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::Request,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use directory::{
    change::{Change, MembersChange},
    group::Group,
    id::{ChangeSeq, DirectoryId, GroupNo, Millis, ProviderId, UserNo},
    name::Name,
    recent::Recent,
    snapshot::Directory,
    user::{User, UserFields},
    view::{Published, Served, Shape},
};
use muster::crowd::{self, Application, ApplicationRegistry, CrowdState, Surroundings};
use tower::ServiceExt;

/// 2024-01-01T00:00:00Z.
pub(crate) const START: i64 = 1_704_067_200_000;
const FIRST: &[&str] =
    &["Ann", "Bob", "İpek", "Strauß", "ΟΔΥΣΣΕΥΣ", "a&b", "\"q\"", "x\\y", "", "😀 z"];
const LAST: &[&str] = &["Lee", "O'Hara", "de la <Cruz>", "", "*star*", "a=b", "(p)"];

/// A person or group as the comparison knows it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) email: String,
    pub(crate) description: String,
    pub(crate) active: bool,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

impl Known {
    /// A person's display name, with blanks where there is no other name.
    pub(crate) fn display(&self) -> String {
        format!("{} {}", self.first, self.last)
    }
}

fn person(no: usize) -> Known {
    let (first, last) = (FIRST[no % FIRST.len()], LAST[no % LAST.len()]);
    let name = format!("{first} {no}").trim().to_owned();
    let email = if no.is_multiple_of(5) { String::new() } else { format!("p{no}@Example.org") };
    Known {
        id: format!("u{no}"),
        name,
        first: first.to_owned(),
        last: last.to_owned(),
        email,
        description: String::new(),
        active: !no.is_multiple_of(3),
        created: START + i64::try_from(no).unwrap() * 1000,
        updated: START + i64::try_from(no % 7).unwrap() * 86_400_000,
    }
}

fn team(no: usize) -> Known {
    let description =
        if no.is_multiple_of(2) { String::new() } else { format!("Team of {}", LAST[no % 7]) };
    let name = format!("Team {} {no}", FIRST[no % FIRST.len()]);
    Known { id: format!("g{no}"), name, description, active: true, ..person(no) }
}

/// The server and what it serves.
pub(crate) struct Server {
    pub(crate) people: Vec<Known>,
    pub(crate) teams: Vec<Known>,
    router: Router,
    authorization: String,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Server {
    pub(crate) fn new() -> Self {
        let people: Vec<Known> = (0..70).map(person).collect();
        let teams: Vec<Known> = (0..20).map(team).collect();
        let published = Published {
            instance: "i".into(),
            epoch: 1,
            head: ChangeSeq(0),
            directories: [(DirectoryId(1), served(&people, &teams))].into(),
            recent: Recent::default(),
            frozen: BTreeMap::new(),
            successors: Arc::default(),
            without_leavers: BTreeMap::new(),
        };
        let params = Params::new(8, 1, 1, None).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let applications = ApplicationRegistry::default();
        applications.replace(vec![Application {
            id: 1,
            name: "fuzz".to_owned(),
            password_hash: argon2.hash_password(b"fuzz").unwrap().to_string(),
            directories: vec![DirectoryId(1)],
            shape: Shape::default(),
            addresses: Vec::new(),
        }]);
        let surroundings = Surroundings::forgetful(published, applications, Millis(START));
        let router = crowd::router(CrowdState::new(surroundings));
        let authorization = format!("Basic {}", STANDARD.encode("fuzz:fuzz"));
        Self { people, teams, router, authorization }
    }

    /// Asks; `None` when the address is none that HTTP can carry.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        [sends, accepts]: [&str; 2],
        body: Vec<u8>,
    ) -> Option<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(format!("/rest/usermanagement/1{path}"))
            .header("host", "muster.example.org")
            .header("authorization", &self.authorization)
            .header("content-type", sends)
            .header("accept", accepts)
            .extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))))
            .body(Body::from(body))
            .ok()?;
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert!(response.headers().contains_key("x-embedded-crowd-version"));
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Some(Answer { status, body: String::from_utf8(bytes.into()).unwrap() })
    }
}

fn served(people: &[Known], teams: &[Known]) -> Served {
    let users = (0..).zip(people).map(|(no, known)| {
        let user = User::new(&UserFields {
            id: &ProviderId::parse(&known.id).unwrap(),
            name: &Name::parse(&known.name).unwrap(),
            first_name: &known.first,
            last_name: &known.last,
            display_name: known.display().trim(),
            email: &known.email,
            active: known.active,
            created: Millis(known.created),
            updated: Millis(known.updated),
        });
        Change::User { no: UserNo(no), before: None, after: Some(Arc::new(user)) }
    });
    let groups = (0..).zip(teams).flat_map(|(no, known)| {
        let id = ProviderId::parse(&known.id).unwrap();
        let name = Name::parse(&known.name).unwrap();
        let [created, updated] = [known.created, known.updated].map(Millis);
        let group = Group::new(id, name, &known.description, created, updated);
        let mut members = MembersChange::of(GroupNo(no));
        members.users_added = (0..=no).map(UserNo).collect();
        let after = Some(Arc::new(group));
        [Change::Group { no: GroupNo(no), before: None, after }, Change::Members(members)]
    });
    let changes: Vec<Change> = users.chain(groups).collect();
    let directory = Arc::new(Directory::default().apply(&changes).unwrap());
    Served {
        name: "d".into(),
        key: "1".into(),
        directory,
        served_once: true,
        removing: false,
        incomplete: false,
    }
}

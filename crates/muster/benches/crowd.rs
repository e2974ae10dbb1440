//! How fast whole documents are made: 100,000 people, 10,000 groups, 1,000,000 memberships.
//!
//! The yardstick of the same run is `copy_of_the_document`: the document's bytes copied in chunks of the
//! same size. Everything but the socket is measured: request, password check from memory, writer, stream.

use std::{net::SocketAddr, sync::Arc};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use axum::{Router, body::Body, extract::ConnectInfo, http::Request};
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
use divan::{Bencher, counter::BytesCount};
use futures_util::StreamExt;
use muster::crowd::{Application, ApplicationRegistry, CrowdState, Surroundings, router};
use tower::ServiceExt;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USERS: u32 = 100_000;
const GROUPS: u32 = 10_000;
const MEMBERS_EACH: u32 = 100;
const CHUNK: usize = 64 * 1024;

const MEMBERSHIPS: &str = "/group/membership";
const PEOPLE: &str = "/search?entity-type=user&start-index=0&max-results=-1&expand=user";

fn main() {
    divan::main();
}

fn user(no: u32) -> Change {
    let name = format!("person{no}@example.org");
    let user = User::new(&UserFields {
        id: &ProviderId::parse(&format!("{no:08x}-0000-4000-8000-000000000001")).expect("a GUID"),
        name: &Name::parse(&name).expect("a name"),
        first_name: "Person",
        last_name: "Number",
        display_name: &format!("Person Number {no}"),
        email: &name,
        active: true,
        created: Millis(1_704_067_200_000 + i64::from(no)),
        updated: Millis(1_704_067_200_000 + i64::from(no) * 60_000),
    });
    Change::User { no: UserNo(no), before: None, after: Some(Arc::new(user)) }
}

fn group(no: u32) -> [Change; 2] {
    let id = ProviderId::parse(&format!("{no:08x}-0000-4000-8000-000000000002")).expect("a GUID");
    let name = Name::parse(&format!("group {no}")).expect("a name");
    let group = Group::new(id, name, "A group", Millis(0), Millis(0));
    let mut members = MembersChange::of(GroupNo(no));
    members.users_added = (0..MEMBERS_EACH).map(|i| UserNo((no * 37 + i * 997) % USERS)).collect();
    members.users_added.sort_unstable();
    let after = Some(Arc::new(group));
    [Change::Group { no: GroupNo(no), before: None, after }, Change::Members(members)]
}

fn server() -> Router {
    let changes: Vec<Change> = (0..USERS).map(user).chain((0..GROUPS).flat_map(group)).collect();
    let directory = Arc::new(Directory::default().apply(&changes).expect("it fits"));
    let served = Served {
        name: "d".into(),
        key: "1".into(),
        directory,
        served_once: true,
        removing: false,
        incomplete: false,
    };
    let published = Published {
        instance: "i".into(),
        epoch: 0,
        head: ChangeSeq(0),
        directories: [(DirectoryId(1), served)].into(),
        recent: Recent::default(),
        frozen: std::collections::BTreeMap::new(),
        successors: Arc::default(),
        without_leavers: std::collections::BTreeMap::new(),
    };
    let params = Params::new(8, 1, 1, None).expect("the least that argon2 takes");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let applications = ApplicationRegistry::default();
    applications.replace(vec![Application {
        id: 1,
        name: "bench".to_owned(),
        password_hash: argon2.hash_password(b"bench").expect("a hash").to_string(),
        directories: vec![DirectoryId(1)],
        shape: Shape::default(),
        addresses: Vec::new(),
    }]);
    router(CrowdState::new(Surroundings::forgetful(published, applications, Millis(0))))
}

/// Reads a document to its end and drops it; says how long it was.
async fn read(router: &Router, path: &str, accept: &str) -> usize {
    let request = Request::get(format!("/crowd/rest/usermanagement/1{path}"))
        .header("host", "muster.example.org")
        .header("accept", accept)
        .header("authorization", format!("Basic {}", STANDARD.encode("bench:bench")))
        .extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))))
        .body(Body::empty())
        .expect("a request");
    let response = router.clone().oneshot(request).await.expect("an answer");
    assert!(response.status().is_success(), "{}", response.status());
    let mut chunks = response.into_body().into_data_stream();
    let mut bytes = 0;
    while let Some(chunk) = chunks.next().await {
        bytes += chunk.expect("a chunk").len();
    }
    bytes
}

fn document(bencher: Bencher, path: &str, accept: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let router = server();
    let bytes = runtime.block_on(read(&router, path, accept));
    bencher
        .counter(BytesCount::new(bytes))
        .bench_local(|| runtime.block_on(read(&router, path, accept)));
}

#[divan::bench(sample_count = 20)]
fn memberships(bencher: Bencher) {
    document(bencher, MEMBERSHIPS, "application/xml");
}

#[divan::bench(sample_count = 20)]
fn users_xml(bencher: Bencher) {
    document(bencher, PEOPLE, "application/xml");
}

#[divan::bench(sample_count = 20)]
fn users_json(bencher: Bencher) {
    document(bencher, PEOPLE, "application/json");
}

#[divan::bench(sample_count = 20)]
fn copy_of_the_document(bencher: Bencher) {
    let whole = vec![b'x'; 64 * 1024 * 1024];
    bencher.counter(BytesCount::new(whole.len())).bench_local(|| {
        for chunk in whole.chunks(CHUNK) {
            let mut copy = Vec::with_capacity(CHUNK);
            copy.extend_from_slice(chunk);
            divan::black_box(copy);
        }
    });
}

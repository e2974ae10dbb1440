//! Single sign-on sessions outlive a restart, end as told, and never fill the file.

use directory::id::{DirectoryId, Millis, ProviderId};
use store::SessionRow;

use crate::open;

fn session(token: u8, person: &str, created: i64) -> SessionRow {
    SessionRow {
        token: [token; 32],
        directory: DirectoryId(3),
        person: ProviderId::parse(person).unwrap(),
        factors: [7; 32],
        created: Millis(created),
        duration_ms: 1000,
        expires: Millis(created + 1000),
    }
}

#[test]
fn a_session_is_kept_prolonged_and_ended() {
    let data = tempfile::tempdir().unwrap();
    let (one, two, other) = (session(1, "ann", 0), session(2, "ann", 1), session(3, "bob", 2));
    {
        let store = open(data.path());
        for session in [&one, &two, &other] {
            store.start_session(session).unwrap();
        }
        store.prolong_session(&one.token, Millis(5000)).unwrap();
    }
    let store = open(data.path());
    let expected = SessionRow { expires: Millis(5000), ..one.clone() };
    assert_eq!(store.session(&one.token).unwrap(), Some(expected));
    assert_eq!(store.session(&[9; 32]).unwrap(), None);
    store.end_sessions(DirectoryId(4), &one.person, None).unwrap();
    store.end_sessions(DirectoryId(3), &one.person, Some(&one.token)).unwrap();
    let left = |token| store.session(&[token; 32]).unwrap().is_some();
    assert_eq!((left(1), left(2), left(3)), (true, false, true));
    store.end_session(&one.token).unwrap();
    store.end_session(&one.token).unwrap();
    store.end_sessions(DirectoryId(3), &other.person, None).unwrap();
    assert_eq!((left(1), left(3)), (false, false));
}

#[test]
fn old_sessions_make_room() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    store.start_session(&session(255, "bob", 0)).unwrap();
    for no in 0..120_u8 {
        store.start_session(&session(no, "ann", 10 + i64::from(no))).unwrap();
    }
    let left = |token| store.session(&[token; 32]).unwrap().is_some();
    assert_eq!((left(19), left(20), left(119), left(255)), (false, true, true, true));
    store.start_session(&session(200, "eve", 1000)).unwrap();
    assert!(!left(255), "what has ended is forgotten");
}

//! `GET /event` and `GET /event/TOKEN`: what products need to follow without reading everything again.
//!
//! Invariants: a token points so far into the past that nothing is missed between a whole list and the
//! token fetched after it (DESIGN.md 10.8), and says from which position on the client knows all names, so
//! that a rename is read once; what cannot be told as events is 410, on which products read
//! everything again; an answer is never partial.

mod changes;
mod token;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::Body,
    http::{Response, StatusCode},
};
use directory::{
    id::{ChangeSeq, MINUTE_MS, Millis},
    view::View,
};

pub(super) use self::token::name_of;
use self::{
    changes::{Happening, Operation},
    token::Token,
};
use super::{
    call::Call,
    document::{Document, respond},
    entity::{Detail, Entity},
    error::CrowdError,
    links::Links,
    reading::{self, OVERLAP_MS},
    writer::Writer,
};

/// How long a token may be ahead of this replica before it is taken for one of another history.
const AHEAD_MS: i64 = MINUTE_MS;
/// Positions ahead of this replica that are remembered.
const AHEAD_MAX: usize = 1024;
/// Events that are written in one piece.
const BATCH: usize = 64;

/// `GET /event`.
pub(super) async fn current(call: &Call) -> Result<Response<Body>, CrowdError> {
    let view = call.whole_view()?;
    if !call.settings().incremental {
        let mut writer = Writer::new(call.representation);
        writer.open("events");
        writer.flag_attribute("incrementalSynchronisationAvailable", false);
        writer.close("events");
        return Ok(writer.into_response());
    }
    let published = view.published();
    let recent = published.recent.seq_at(call.now.plus(-OVERLAP_MS)).min(published.head);
    let token = match reading::lists(call).await? {
        Some(lists) => Token::after(&lists, recent, call.now),
        None => Token::of(name_of(&view), recent),
    };
    let mut writer = Writer::new(call.representation);
    writer.open("events");
    writer.attribute("newEventToken", &token.to_string());
    writer.flag_attribute("incrementalSynchronisationAvailable", true);
    writer.close("events");
    Ok(writer.into_response())
}

/// `GET /event/TOKEN`.
pub(super) async fn since(call: &Call, token: &str) -> Result<Response<Body>, CrowdError> {
    let view = call.whole_view()?;
    if !call.settings().incremental {
        let (status, message) =
            (StatusCode::BAD_REQUEST, "synchronising by events is switched off");
        return Err(CrowdError::refused(status, "INCREMENTAL_SYNC_NOT_AVAILABLE", message));
    }
    let head = view.published().head;
    let given = Token::parse(token).ok_or_else(CrowdError::token_expired)?;
    // Whoever uses a token has finished the reading that it was made for, whatever the answer is now.
    if let Some(done) = given.finished().filter(|_| given.is_of_store(&view)) {
        reading::finish(call, done).await;
    }
    if !given.is_of(&view) {
        return Err(CrowdError::token_expired());
    }
    // What the client knows may come from a replica that is ahead of this one.
    let known = given.names_known_to();
    if known > head {
        return if call.state.ahead().is_lag(known, head, call.now) {
            let document = Events::new(view, call.links.clone(), &given, Vec::new());
            Ok(respond(document, call.representation))
        } else {
            Err(CrowdError::token_expired())
        };
    }
    let next = Token::of(name_of(&view), head);
    // Up to 50,000 objects are put in order, during which others are to be answered.
    let (seq, seen) = (given.seq(), Arc::clone(&view));
    let looking = tokio::task::spawn_blocking(move || changes::since(&seen, seq, known));
    let happenings = looking.await.map_err(|_| CrowdError::failed("the events are not known"))?;
    let happenings = happenings.ok_or_else(CrowdError::token_expired)?;
    let document = Events::new(view, call.links.clone(), &next, happenings);
    Ok(respond(document, call.representation))
}

/// Tokens of positions that this replica has not reached, and when each was first seen.
#[derive(Debug, Default)]
pub(super) struct Ahead(Mutex<BTreeMap<ChangeSeq, Millis>>);

impl Ahead {
    /// Whether a position ahead of `head` may still be reached.
    fn is_lag(&self, seq: ChangeSeq, head: ChangeSeq, now: Millis) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|seq, _| *seq > head);
        if seen.len() >= AHEAD_MAX && !seen.contains_key(&seq) {
            return false;
        }
        now.since(*seen.entry(seq).or_insert(now)) < AHEAD_MS
    }
}

/// The document of what happened.
struct Events {
    view: Arc<View>,
    links: Links,
    token: String,
    begun: bool,
    /// What is still to be told.
    happenings: std::vec::IntoIter<Happening>,
}

impl Events {
    fn new(view: Arc<View>, links: Links, token: &Token, happenings: Vec<Happening>) -> Self {
        let happenings = happenings.into_iter();
        Self { view, links, token: token.to_string(), begun: false, happenings }
    }

    fn write(&self, writer: &mut Writer, happening: &Happening) {
        let (view, links) = (&*self.view, &self.links);
        let begin = |writer: &mut Writer, element: &str, operation: Operation| {
            writer.open_tagged(element);
            writer.text("operation", operation.as_str());
        };
        match happening {
            Happening::User(operation, user) => {
                begin(writer, "userEvent", *operation);
                user.write(writer, view, links, Detail::Full);
                writer.close_tagged("userEvent");
            }
            Happening::UserGone(name) => {
                begin(writer, "userEvent", Operation::Deleted);
                writer.open("user");
                writer.attribute("name", name);
                writer.flag("active", true);
                writer.close("user");
                writer.close_tagged("userEvent");
            }
            Happening::Group(operation, group) => {
                begin(writer, "groupEvent", *operation);
                group.write(writer, view, links, Detail::Full);
                writer.close_tagged("groupEvent");
            }
            Happening::GroupGone(name) => {
                begin(writer, "groupEvent", Operation::Deleted);
                writer.open("group");
                writer.attribute("name", name);
                writer.text("type", "GROUP");
                writer.flag("active", true);
                writer.close("group");
                writer.close_tagged("groupEvent");
            }
            Happening::Memberships(operation, user, groups) => {
                begin(writer, "userMembershipEvent", *operation);
                writer.named("childUser", view.user(*user).name());
                self.write_groups(writer, "parentGroups", groups);
                writer.close_tagged("userMembershipEvent");
            }
            Happening::Nestings { operation, group, parents, children } => {
                begin(writer, "groupMembershipEvent", *operation);
                writer.named("group", view.group(*group).name().as_str());
                self.write_groups(writer, "parentGroups", parents);
                self.write_groups(writer, "childGroups", children);
                writer.close_tagged("groupMembershipEvent");
            }
        }
    }

    fn write_groups(
        &self,
        writer: &mut Writer,
        element: &str,
        groups: &[directory::view::GroupAt],
    ) {
        writer.open(element);
        writer.open_list("groups");
        for group in groups {
            writer.named("group", self.view.group(*group).name().as_str());
        }
        writer.close_list();
        writer.close(element);
    }
}

impl Document for Events {
    fn next(&mut self, writer: &mut Writer) -> bool {
        if !self.begun {
            self.begun = true;
            writer.open("events");
            writer.attribute("newEventToken", &self.token);
            writer.open_list("events");
        }
        for _ in 0..BATCH {
            let Some(happening) = self.happenings.next() else {
                writer.close_list();
                writer.close("events");
                return false;
            };
            self.write(writer, &happening);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_ahead_is_lag_for_a_minute() {
        let ahead = Ahead::default();
        let lag = |seq, head, ms| ahead.is_lag(ChangeSeq(seq), ChangeSeq(head), Millis(ms));
        assert!(lag(9, 5, 0) && lag(9, 5, 59_999));
        assert!(!lag(9, 5, 60_000));
        assert!(lag(10, 9, 60_000), "another position begins anew");
    }
}

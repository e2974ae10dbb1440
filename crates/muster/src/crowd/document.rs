//! Whole documents: made piece by piece from one snapshot, while the client reads.
//!
//! Invariants: a document holds its view, so it is of one position of the log from beginning to end; what
//! is in memory of it is one chunk; nothing can fail once the first byte is made; long work without
//! output lets other requests pass.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    http::{Response, header},
};
use directory::{
    id::UserNo,
    query::Filter,
    user::User,
    view::{GroupAt, Place, View},
};
use futures_util::{StreamExt, stream};

use super::{
    entity::{Detail, Entity},
    links::Links,
    negotiate::Representation,
    writer::{CHUNK_BYTES, Writer},
};

/// Objects that are looked at for one piece.
const BATCH: usize = 64;
/// Pieces that are made without letting other requests pass.
const PIECES_MAX: usize = 16;
/// Names that are written in one piece.
const NAMES_BATCH: usize = 1024;
/// Members that are looked up before one of them is written.
const AHEAD: usize = 32;

/// A document in the making.
pub(super) trait Document: Send + 'static {
    /// Writes the next piece, some kilobytes at the most; false once the document is complete.
    fn next(&mut self, writer: &mut Writer) -> bool;
}

/// Answers with a document.
pub(super) fn respond(
    mut document: impl Document,
    representation: Representation,
) -> Response<Body> {
    let mut writer = Writer::new(representation);
    let mut more = true;
    for _ in 0..PIECES_MAX {
        if !more || writer.len() >= CHUNK_BYTES {
            break;
        }
        more = document.next(&mut writer);
    }
    if !more {
        return writer.into_response();
    }
    let first = writer.take();
    let rest = stream::unfold(Some((document, writer)), chunk);
    // Fused: the compressing layer asks once more after the end.
    let chunks = stream::iter([Ok::<_, std::convert::Infallible>(first)]).chain(rest).fuse();
    let mut response = Response::new(Body::from_stream(chunks));
    response.headers_mut().insert(header::CONTENT_TYPE, representation.content_type());
    response
}

type Going<D> = Option<(D, Writer)>;

async fn chunk<D: Document>(
    going: Going<D>,
) -> Option<(Result<Bytes, std::convert::Infallible>, Going<D>)> {
    let (mut document, mut writer) = going?;
    let mut pieces = 0;
    loop {
        let more = document.next(&mut writer);
        if !more {
            return (writer.len() > 0).then(|| (Ok(writer.take()), None));
        }
        if writer.len() >= CHUNK_BYTES {
            return Some((Ok(writer.take()), Some((document, writer))));
        }
        pieces += 1;
        if pieces % PIECES_MAX == 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// Which objects a list is of.
#[derive(Debug)]
pub(super) enum Source<T> {
    /// Those of the view that a filter admits.
    Filtered(Filter),
    /// These, in order.
    Chosen(Vec<T>),
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    /// How many to pass over.
    pub(super) start: usize,
    /// How many to show.
    pub(super) max: usize,
}

/// A list of people or groups.
pub(super) struct List<T> {
    view: Arc<View>,
    links: Links,
    detail: Detail,
    filter: Option<Filter>,
    /// Chosen objects that are still to come, in reverse; without them the view is read.
    chosen: Option<Vec<T>>,
    place: Place,
    page: Page,
    begun: bool,
}

impl<T: Entity> List<T> {
    pub(super) fn new(
        view: Arc<View>,
        links: Links,
        detail: Detail,
        source: Source<T>,
        mut page: Page,
    ) -> Self {
        let mut place = Place::default();
        let (filter, chosen) = match source {
            Source::Filtered(filter) if filter.is_everything() => {
                if let Some(start) = view.place_at(page.start) {
                    place = start;
                    page.start = 0;
                }
                (None, None)
            }
            Source::Filtered(filter) if filter.is_nothing() => (None, Some(Vec::new())),
            Source::Filtered(filter) => match filter.exact_name() {
                Some(name) => {
                    let named = T::named(&view, name).into_iter();
                    let chosen = named.filter(|object| object.admitted(&view, &filter)).collect();
                    (None, Some(chosen))
                }
                None => (Some(filter), None),
            },
            Source::Chosen(mut chosen) => {
                chosen.reverse();
                (None, Some(chosen))
            }
        };
        Self { view, links, detail, filter, chosen, place, page, begun: false }
    }

    fn batch(&mut self) -> Vec<T> {
        match &mut self.chosen {
            Some(chosen) => {
                let rest = chosen.len().saturating_sub(BATCH);
                let mut batch = chosen.split_off(rest);
                batch.reverse();
                batch
            }
            None => T::next(&self.view, &mut self.place, BATCH),
        }
    }
}

impl<T: Entity> Document for List<T> {
    fn next(&mut self, writer: &mut Writer) -> bool {
        if !self.begun {
            self.begun = true;
            writer.open(T::LIST);
            writer.attribute("expand", T::EXPAND);
            writer.open_list(T::LIST);
        }
        let batch = if self.page.max == 0 { Vec::new() } else { self.batch() };
        if batch.is_empty() {
            writer.close_list();
            writer.close(T::LIST);
            return false;
        }
        for object in batch {
            if self.filter.as_ref().is_some_and(|filter| !object.admitted(&self.view, filter)) {
                continue;
            }
            if self.page.start > 0 {
                self.page.start -= 1;
            } else if self.page.max > 0 {
                self.page.max -= 1;
                object.write(writer, &self.view, &self.links, self.detail);
            }
        }
        true
    }
}

/// `GET /group/membership`: every group with its direct members and child groups.
pub(super) struct Memberships {
    view: Arc<View>,
    place: Place,
    begun: bool,
    /// Groups that are still to come, in reverse.
    groups: Vec<GroupAt>,
    /// The group that is being written.
    group: Option<Members>,
}

/// How far the members of one group are written.
struct Members {
    group: GroupAt,
    /// People, unless a directory has them ready.
    users: Option<Vec<directory::view::UserAt>>,
    written: usize,
}

impl Memberships {
    pub(super) fn new(view: Arc<View>) -> Self {
        Self { view, place: Place::default(), begun: false, groups: Vec::new(), group: None }
    }

    fn next_group(&mut self) -> Option<Members> {
        if self.groups.is_empty() {
            self.groups = self.view.next_groups(&mut self.place, BATCH);
            self.groups.reverse();
        }
        let group = self.groups.pop()?;
        let stored = self.view.stored_users_of(group).is_some();
        let users = (!stored).then(|| self.view.users_of(group));
        Some(Members { group, users, written: 0 })
    }
}

impl Members {
    /// Writes some people; whether there are more.
    fn write_users(&mut self, writer: &mut Writer, view: &View) -> bool {
        let from = self.written;
        self.written += NAMES_BATCH;
        if let Some(users) = &self.users {
            for at in users.iter().skip(from).take(NAMES_BATCH) {
                writer.named("user", view.user(*at).name());
            }
            return self.written < users.len();
        }
        let Some((directory, users)) = view.stored_users_of(self.group) else { return false };
        let rest = users.get(from..).unwrap_or_default();
        for some in rest[..rest.len().min(NAMES_BATCH)].chunks(AHEAD) {
            // Members lie scattered in memory: finding some before writing any lets the processor wait
            // for all of them at once.
            let mut found: [Option<&User>; AHEAD] = [None; AHEAD];
            for (slot, no) in found.iter_mut().zip(some) {
                *slot = directory.user(UserNo(*no)).map(|user| &**user);
            }
            let names = found.map(|user| user.map(User::name));
            for name in names.into_iter().flatten() {
                writer.named("user", name);
            }
        }
        self.written < users.len()
    }
}

impl Document for Memberships {
    fn next(&mut self, writer: &mut Writer) -> bool {
        if !self.begun {
            self.begun = true;
            writer.open("memberships");
        }
        let unfinished = self.group.take();
        let begins = unfinished.is_none();
        let Some(mut current) = unfinished.or_else(|| self.next_group()) else {
            writer.close("memberships");
            return false;
        };
        if begins {
            writer.open("membership");
            writer.attribute("group", self.view.group(current.group).name().as_str());
            writer.open("users");
        }
        if current.write_users(writer, &self.view) {
            self.group = Some(current);
            return true;
        }
        writer.close("users");
        writer.open("groups");
        for child in self.view.children_of(current.group) {
            writer.named("group", self.view.group(child).name().as_str());
        }
        writer.close("groups");
        writer.close("membership");
        true
    }
}

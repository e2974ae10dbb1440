//! People and groups as products read them (`protocols/crowd.md` 2).
//!
//! Invariants: a group always has its type and its state, and a person a state, since products misread
//! their absence; a key is `<directory's key>:<provider id>` and never changes; what there is not is left out.

use directory::{
    query::Filter,
    view::{GroupAt, Place, UserAt, View},
};

use super::{
    links::{Links, encode},
    writer::Writer,
};

/// How much of an object is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// Name and link.
    Minimal,
    /// Everything.
    Full,
}

/// What lists are made of.
pub(super) trait Entity: Copy + Send + Sync + 'static {
    /// The list's element, and in JSON its array.
    const LIST: &'static str;
    /// What the list says can be expanded.
    const EXPAND: &'static str;

    /// The next objects of a view in the order of names.
    fn next(view: &View, place: &mut Place, max: usize) -> Vec<Self>;
    /// The object of a folded name.
    fn named(view: &View, folded: &str) -> Option<Self>;
    /// Whether a filter admits it.
    fn admitted(self, view: &View, filter: &Filter) -> bool;
    /// Sorts by folded name.
    fn sort(view: &View, objects: &mut [Self]);
    /// Writes it.
    fn write(self, writer: &mut Writer, view: &View, links: &Links, detail: Detail);
}

impl Entity for UserAt {
    const LIST: &'static str = "users";
    const EXPAND: &'static str = "user";

    fn next(view: &View, place: &mut Place, max: usize) -> Vec<Self> {
        view.next_users(place, max)
    }

    fn named(view: &View, folded: &str) -> Option<Self> {
        view.user_named(folded)
    }

    fn admitted(self, view: &View, filter: &Filter) -> bool {
        filter.admits_user(view.user(self), view.directory_key(self))
    }

    fn sort(view: &View, objects: &mut [Self]) {
        view.sort_users(objects);
    }

    fn write(self, writer: &mut Writer, view: &View, links: &Links, detail: Detail) {
        let user = view.user(self);
        let (base, name) = (links.base(), encode(user.name()));
        writer.open("user");
        writer.attribute("name", user.name());
        if detail == Detail::Minimal {
            writer.link(&[base, "/user?username=", &name], "self");
            writer.close("user");
            return;
        }
        writer.attribute("expand", "attributes");
        writer.link(&[base, "/user?username=", &name], "self");
        writer.text_if_any("first-name", user.first_name());
        writer.text_if_any("last-name", user.last_name());
        writer.text_if_any("display-name", user.display_name());
        writer.text_if_any("email", user.email());
        writer.open("password");
        writer.link(&[base, "/user/password?username=", &name], "edit");
        writer.close("password");
        let directory = view.directory_key(self);
        user.id().with_str(|id| writer.text_of("key", &[directory, ":", id]));
        writer.date("created-date", user.created());
        writer.date("updated-date", user.updated());
        writer.flag("active", user.active());
        attributes(writer, &[base, "/user/attribute?username=", &name]);
        writer.close("user");
    }
}

impl Entity for GroupAt {
    const LIST: &'static str = "groups";
    const EXPAND: &'static str = "group";

    fn next(view: &View, place: &mut Place, max: usize) -> Vec<Self> {
        view.next_groups(place, max)
    }

    fn named(view: &View, folded: &str) -> Option<Self> {
        view.group_named(folded)
    }

    fn admitted(self, view: &View, filter: &Filter) -> bool {
        filter.admits_group(view.group(self), view.directory_key_of_group(self))
    }

    fn sort(view: &View, objects: &mut [Self]) {
        view.sort_groups(objects);
    }

    fn write(self, writer: &mut Writer, view: &View, links: &Links, detail: Detail) {
        let group = view.group(self);
        let spelled = group.name().as_str();
        let (base, name) = (links.base(), encode(spelled));
        writer.open("group");
        writer.attribute("name", spelled);
        if detail == Detail::Minimal {
            writer.link(&[base, "/group?groupname=", &name], "self");
            writer.close("group");
            return;
        }
        writer.attribute("expand", "attributes");
        writer.link(&[base, "/group?groupname=", &name], "self");
        writer.text_if_any("description", group.description());
        writer.text("type", "GROUP");
        writer.flag("active", true);
        attributes(writer, &[base, "/group/attribute?groupname=", &name]);
        writer.close("group");
    }
}

/// The attributes of a person or group: there are none, and this is where they would be.
pub(super) fn attributes(writer: &mut Writer, href: &[&str]) {
    writer.open("attributes");
    writer.open_list("attributes");
    writer.close_list();
    writer.link(href, "self");
    writer.close("attributes");
}

//! What a connector says: records by the provider's ids, per collection complete, changed or not read.
//!
//! Invariant: only a [`Listing::Complete`] (or [`MembersListing::Complete`]) can show that something is
//! absent. No rule is applied here and no name is made; that is [`crate::derive`].

mod attributes;

use serde::{Deserialize, Serialize};

pub use self::attributes::{
    ATTRIBUTES_VERSION, Attribute, Attributes, AttributesError, VALUE_BYTES_MAX,
};
use crate::id::ProviderId;

/// One person as the provider describes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRecord {
    /// The provider's immutable id.
    pub id: ProviderId,
    /// Member, guest, or not said.
    pub kind: PersonKind,
    /// Whether the account may sign in; `None` when the provider did not let us see it, which must
    /// disable nobody (`protocols/providers.md` A2.1).
    pub enabled: Option<bool>,
    /// Everything else, of the fixed wide set.
    pub attributes: Attributes,
}

impl PersonRecord {
    /// The record that stands for an id of which nothing else is known.
    pub(crate) fn mentioned(id: ProviderId) -> Self {
        Self { id, kind: PersonKind::Unknown, enabled: None, attributes: Attributes::default() }
    }

    /// The same for one whose record came and could not be read.
    pub(crate) fn unread(id: ProviderId, kept: &Kept) -> Self {
        Self { attributes: kept.attributes(Attribute::Login), ..Self::mentioned(id) }
    }
}

/// What kind of account a person has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonKind {
    /// Belongs to the organisation.
    Member,
    /// Invited from elsewhere.
    Guest,
    /// The provider does not say.
    Unknown,
}

/// One group as the provider describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecord {
    /// The provider's immutable id.
    pub id: ProviderId,
    /// The provider's kind of group.
    pub kind: GroupKind,
    /// Whether the provider hides the members from ordinary readers.
    pub hidden_members: bool,
    /// Name (`DisplayName`), `Description`, `Mail`, and so on.
    pub attributes: Attributes,
}

impl GroupRecord {
    /// Its name for messages: the display name, else the mail address, else the id.
    pub fn label(&self) -> String {
        let known = [Attribute::DisplayName, Attribute::Mail, Attribute::MailNickname];
        let known = known.into_iter().find_map(|attribute| self.attributes.get(attribute));
        known.map_or_else(|| self.id.to_string(), str::to_owned)
    }

    /// The record that stands for an id of which nothing else is known.
    pub(crate) fn mentioned(id: ProviderId) -> Self {
        let (kind, attributes) = (GroupKind::Other, Attributes::default());
        Self { id, kind, hidden_members: false, attributes }
    }

    /// The same for one whose record came and could not be read.
    pub(crate) fn unread(id: ProviderId, kept: &Kept) -> Self {
        let attributes = kept.attributes(Attribute::DisplayName);
        Self { attributes, ..Self::mentioned(id) }
    }
}

/// What kind of group it is at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// Microsoft 365 (`Unified`).
    Microsoft365,
    /// A security group.
    Security,
    /// A security group with a mail address.
    MailSecurity,
    /// A distribution list.
    Distribution,
    /// Any other.
    Other,
}

impl GroupKind {
    /// The name of the kind in expressions and answers: its serialised form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Microsoft365 => "microsoft365",
            Self::Security => "security",
            Self::MailSecurity => "mail_security",
            Self::Distribution => "distribution",
            Self::Other => "other",
        }
    }
}

/// One answer of a connector.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// The people.
    pub people: Listing<PersonRecord>,
    /// The groups.
    pub groups: Listing<GroupRecord>,
    /// Members, for each group that was read; a group may appear once only.
    pub members: Vec<GroupMembers>,
    /// What could not be read although the rest was, now or before: it stays as it was, and is asked for again at the
    /// next read.
    pub unreadable: Vec<Unreadable>,
    /// Whether everything there is was read, members of all groups included, but for what is unreadable.
    pub everything: bool,
    /// People and groups that came and could not be read: each stays as it was, or is set aside if nothing was known of it.
    pub kept: Vec<Kept>,
    /// Groups whose members came in part only, so that all of them should be read.
    pub reread: Vec<ProviderId>,
    /// Among changes were records that are nobody's, so that what they say is not known until everything is read.
    pub lost_changes: bool,
    /// A read before left out records that were nobody's: whoever is new among the changes may have been there then, with
    /// memberships that no change tells.
    pub newcomers_doubted: bool,
    /// Where the next pull goes on; `None` leaves the stored cursor as it is.
    pub cursor: Option<Cursor>,
    /// What happened on the way, in plain words for the run report.
    pub notes: Vec<String>,
    /// What it cost.
    pub usage: Usage,
}

/// Somebody or something that the provider has, and of which it says nothing that can be used now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Who or what it is.
    pub object: Member,
    /// What the provider calls it, if that can be read.
    pub label: Option<String>,
    /// Why its record cannot be used, in plain words.
    pub why: String,
}

impl Kept {
    /// What the mirror keeps of it where nothing else is known: the label, and as its state why it was not read.
    fn attributes(&self, name: Attribute) -> Attributes {
        let label = self.label.as_deref().unwrap_or_default();
        Attributes::pack([(name, label), (Attribute::State, self.why.as_str())])
    }
}

/// An object that the provider did not show although it showed others (`DESIGN.md` 12.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The part of the tenant that was asked for.
    pub what: Unread,
    /// The provider's words.
    pub error: String,
    /// Set for an object that may belong to another tenant and be refused for that reason: it is reported only if it
    /// was known before.
    pub foreign: bool,
}

/// A part of a tenant that is read by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unread {
    /// A user's record.
    Person(ProviderId),
    /// A group's record.
    Group(ProviderId),
    /// A group's members.
    Members(ProviderId),
    /// The groups that a user is in.
    Memberships(ProviderId),
}

impl Unread {
    /// The id of the user or group that it belongs to.
    pub fn id(&self) -> &ProviderId {
        let (Self::Person(id) | Self::Group(id) | Self::Members(id) | Self::Memberships(id)) = self;
        id
    }
}

/// What is known of one collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Listing<R> {
    /// The collection was not read.
    #[default]
    NotRead,
    /// Everything there is; whoever is missing was not listed.
    Complete(Vec<R>),
    /// What changed since the cursor.
    Delta {
        /// New and changed records, each whole; an id occurs once at the most.
        put: Vec<R>,
        /// Ids that the provider says are gone.
        removed: Vec<Removed>,
    },
}

/// The provider's word that an object is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The object's id.
    pub id: ProviderId,
    /// Whether it can come back under the same id.
    pub restorable: bool,
}

/// The members of one group, or their changes; direct members only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMembers {
    /// The group.
    pub group: ProviderId,
    /// Its members.
    pub listing: MembersListing,
}

/// What is known of one group's direct members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembersListing {
    /// All of them.
    Complete(MemberSet),
    /// What was added and removed since the cursor; disjoint.
    Delta {
        /// Members that were added.
        added: MemberSet,
        /// Members that were taken out.
        removed: MemberSet,
    },
}

/// Members by kind; order and repetition mean nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberSet {
    /// People.
    pub users: Vec<ProviderId>,
    /// Nested groups.
    pub groups: Vec<ProviderId>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Member {
    /// A person.
    User(ProviderId),
    /// A nested group.
    Group(ProviderId),
}

/// A connector's own position, opaque to everything else (Entra: two delta links).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor(pub String);

/// What reading cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Usage {
    /// Requests sent, retries included.
    pub requests: u64,
    /// Requests that were repeated.
    pub retries: u64,
    /// Answers that asked us to slow down.
    pub throttled: u64,
    /// Body bytes received, after decompression.
    pub bytes: u64,
}

impl Usage {
    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            retries: self.retries + other.retries,
            throttled: self.throttled + other.throttled,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// Something that a complete listing lacked, to be asked for by its id (DESIGN.md invariant 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Does this person still exist, within what was listed?
    Person(ProviderId),
    /// Does this group still exist?
    Group(ProviderId),
    /// Is this still a direct member of the group?
    Membership {
        /// The group.
        group: ProviderId,
        /// The member.
        member: Member,
        /// Groups directly inside the group, as far as they are known: ways by which the member may be in it without
        /// being a direct member.
        nested: Vec<ProviderId>,
    },
}

/// The provider's answer to a [`Question`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is gone: the loss is real.
    Gone,
    /// It is there: the listing was wrong.
    Exists,
    /// A second list, from the other side, lacks it too, and the provider has no way to be asked about this alone. Lists
    /// can be shortened by one and the same fault, so this counts as gone only after a while (see
    /// [`crate::mirror::LISTS_AGREE_MS`]).
    Unlisted,
    /// The provider did not say (403, throttled out, …): nothing is confirmed.
    Unknown,
}

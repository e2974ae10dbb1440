//! Which people or groups are sought: a filter, independent of how a protocol writes it down.
//!
//! Invariants: texts are compared in folded form; an attribute that nobody has is null everywhere; what
//! [`Filter::exact_name`] names includes every object that the filter admits.

use memchr::memmem::Finder;

use crate::{group::Group, id::Millis, name::fold, user::User};

/// What an object must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Anything.
    Everything,
    /// A text stands so to another.
    Text(TextProperty, TextMatch, Folded),
    /// The person or group is active, or is not.
    Active(bool),
    /// A time stands so to another.
    Time(TimeProperty, Comparison, Millis),
    /// There is no such text.
    Missing(TextProperty),
    /// Nothing at all; for what everybody has, or nobody can match.
    Nothing,
    /// Every one of these.
    All(Vec<Filter>),
    /// One of these at least.
    Any(Vec<Filter>),
}

/// A text in the form in which texts are compared.
#[derive(Clone, Debug)]
pub struct Folded {
    text: Box<str>,
    /// Made once, since it is sought in the texts of everybody.
    finder: Box<Finder<'static>>,
}

impl Folded {
    /// Brings a text to that form.
    pub fn new(text: &str) -> Self {
        let text: Box<str> = fold(text).into();
        let finder = Box::new(Finder::new(text.as_bytes()).into_owned());
        Self { text, finder }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a text has it somewhere, in whatever case.
    fn is_in(&self, text: &str) -> bool {
        // Names and addresses are short and mostly ASCII: folding them here saves an allocation for each.
        let mut short = [0; 128];
        match short.get_mut(..text.len()) {
            Some(folded) if text.is_ascii() => {
                folded.copy_from_slice(text.as_bytes());
                folded.make_ascii_lowercase();
                self.finder.find(folded).is_some()
            }
            _ => self.finder.find(fold(text).as_bytes()).is_some(),
        }
    }
}

impl PartialEq for Folded {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Folded {}

/// A text of a person or group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextProperty {
    /// The name.
    Name,
    /// A person's mail address.
    Email,
    /// A person's given name.
    FirstName,
    /// A person's surname.
    LastName,
    /// A person's display name.
    DisplayName,
    /// A group's description.
    Description,
    /// The provider's id, alone or after `<directory>:`.
    ExternalId,
    /// Anything else: nobody has it.
    Other,
}

/// A time of a person or group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeProperty {
    /// First served.
    Created,
    /// Last changed.
    Updated,
}

/// How a text must stand to the sought one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextMatch {
    /// Begins with it.
    StartsWith,
    /// Ends with it.
    EndsWith,
    /// Has it somewhere.
    Contains,
    /// Equals it, or comes before or after it.
    Compares(Comparison),
}

/// How two values must stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Equal.
    Equal,
    /// Less.
    Less,
    /// Less or equal.
    LessOrEqual,
    /// Greater.
    Greater,
    /// Greater or equal.
    GreaterOrEqual,
}

impl Comparison {
    fn holds<T: Ord + ?Sized>(self, left: &T, right: &T) -> bool {
        let order = left.cmp(right);
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Filter {
    /// The folded name that an object must have, if the filter demands one: it is then looked up.
    pub fn exact_name(&self) -> Option<&str> {
        match self {
            Self::Text(TextProperty::Name, TextMatch::Compares(Comparison::Equal), name) => {
                Some(name.as_str())
            }
            Self::All(parts) => parts.iter().find_map(Self::exact_name),
            Self::Any(parts) => match parts.as_slice() {
                [only] => only.exact_name(),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether it admits everything.
    pub fn is_everything(&self) -> bool {
        match self {
            Self::Everything => true,
            Self::All(parts) => parts.iter().all(Self::is_everything),
            _ => false,
        }
    }

    /// Whether it admits nothing, as far as that is plain without looking.
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Nothing | Self::Missing(TextProperty::Name | TextProperty::ExternalId) => true,
            Self::All(parts) => parts.iter().any(Self::is_nothing),
            Self::Any(parts) => parts.iter().all(Self::is_nothing),
            _ => false,
        }
    }

    /// Whether it admits a person of a directory, whose users' keys begin with `directory`.
    pub fn admits_user(&self, user: &User, directory: &str) -> bool {
        self.admits(&Fields::User(user, directory))
    }

    /// Whether it admits a group of a directory.
    pub fn admits_group(&self, group: &Group, directory: &str) -> bool {
        self.admits(&Fields::Group(group, directory))
    }

    fn admits(&self, fields: &Fields<'_>) -> bool {
        match self {
            Self::Everything => true,
            Self::Nothing | Self::Missing(TextProperty::ExternalId) => false,
            Self::All(parts) => parts.iter().all(|part| part.admits(fields)),
            Self::Any(parts) => parts.iter().any(|part| part.admits(fields)),
            Self::Active(active) => fields.active() == *active,
            Self::Time(property, comparison, time) => {
                comparison.holds(&fields.time(*property).0, &time.0)
            }
            Self::Missing(property) => fields.text(*property).is_empty(),
            Self::Text(TextProperty::ExternalId, how, sought) => {
                let (directory, id) = fields.key();
                let key = format!("{directory}:{id}");
                matches(&key, *how, sought) || matches(&id, *how, sought)
            }
            Self::Text(property, how, sought) => {
                let text = fields.text(*property);
                !text.is_empty() && matches(text, *how, sought)
            }
        }
    }
}

/// Whether a text, in whatever case, stands so to the one that is sought.
fn matches(text: &str, how: TextMatch, sought: &Folded) -> bool {
    match how {
        TextMatch::StartsWith => fold(text).starts_with(sought.as_str()),
        TextMatch::EndsWith => fold(text).ends_with(sought.as_str()),
        TextMatch::Contains => sought.is_in(text),
        TextMatch::Compares(comparison) => comparison.holds(&*fold(text), sought.as_str()),
    }
}

/// A person or group, read alike.
enum Fields<'a> {
    User(&'a User, &'a str),
    Group(&'a Group, &'a str),
}

impl Fields<'_> {
    /// The text; empty where there is none. The id is not among them: see [`Fields::key`].
    fn text(&self, property: TextProperty) -> &str {
        match (self, property) {
            (Self::User(user, _), TextProperty::Name) => user.folded_name(),
            (Self::User(user, _), TextProperty::Email) => user.email(),
            (Self::User(user, _), TextProperty::FirstName) => user.first_name(),
            (Self::User(user, _), TextProperty::LastName) => user.last_name(),
            (Self::User(user, _), TextProperty::DisplayName) => user.display_name(),
            (Self::Group(group, _), TextProperty::Name) => group.folded_name(),
            (Self::Group(group, _), TextProperty::Description) => group.description(),
            _ => "",
        }
    }

    fn key(&self) -> (&str, String) {
        match self {
            Self::User(user, directory) => (directory, user.id().to_string()),
            Self::Group(group, directory) => (directory, group.id().to_string()),
        }
    }

    fn active(&self) -> bool {
        match self {
            Self::User(user, _) => user.active(),
            Self::Group(..) => true,
        }
    }

    fn time(&self, property: TimeProperty) -> Millis {
        match (self, property) {
            (Self::User(user, _), TimeProperty::Created) => user.created(),
            (Self::User(user, _), TimeProperty::Updated) => user.updated(),
            (Self::Group(group, _), TimeProperty::Created) => group.created(),
            (Self::Group(group, _), TimeProperty::Updated) => group.updated(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::ProviderId, name::Name, user::UserFields};

    fn alice() -> User {
        User::new(&UserFields {
            id: &ProviderId::parse("U1").unwrap(),
            name: &Name::parse("Alice").unwrap(),
            first_name: "Alice",
            last_name: "",
            display_name: "Alice Ångström",
            email: "Alice@Example.org",
            active: true,
            created: Millis(1000),
            updated: Millis(2000),
        })
    }

    fn text(property: TextProperty, how: TextMatch, sought: &str) -> Filter {
        Filter::Text(property, how, Folded::new(sought))
    }

    fn admits(filter: &Filter) -> bool {
        filter.admits_user(&alice(), "7")
    }

    #[test]
    fn texts_are_compared_without_case() {
        use TextProperty::{DisplayName, Email, ExternalId, LastName, Name, Other};
        let equal = TextMatch::Compares(Comparison::Equal);
        assert!(admits(&text(Name, equal, "ALICE")));
        assert!(admits(&text(DisplayName, TextMatch::Contains, "ÅNG")));
        assert!(admits(&text(Email, TextMatch::EndsWith, "@EXAMPLE.ORG")));
        assert!(admits(&text(ExternalId, equal, "7:u1")) && admits(&text(ExternalId, equal, "U1")));
        assert!(!admits(&text(Other, TextMatch::StartsWith, "")));
        assert!(admits(&Filter::Missing(LastName)) && !admits(&Filter::Missing(Email)));
        assert!(admits(&text(Name, TextMatch::Compares(Comparison::Greater), "Al")));
    }

    #[test]
    fn a_part_is_found_in_short_and_in_long_texts_whatever_their_case() {
        let texts = ["Straße 5".to_owned(), "x".repeat(127) + "Y", "x".repeat(128) + "YZ"];
        let found = |part: &str| texts.each_ref().map(|text| Folded::new(part).is_in(text));
        assert_eq!(found("xY"), [false, true, true]);
        assert_eq!(found("yz"), [false, false, true]);
        assert_eq!(found("STRASSE"), [false; 3]);
        assert_eq!(found("ßE"), [true, false, false]);
        assert_eq!(found(""), [true; 3]);
    }

    #[test]
    fn times_and_flags_are_compared() {
        let created =
            |comparison, at| admits(&Filter::Time(TimeProperty::Created, comparison, Millis(at)));
        assert!(created(Comparison::LessOrEqual, 1000) && !created(Comparison::Less, 1000));
        assert!(created(Comparison::Greater, 999) && created(Comparison::GreaterOrEqual, 1000));
        assert!(admits(&Filter::Active(true)) && !admits(&Filter::Active(false)));
    }

    #[test]
    fn a_demanded_name_is_found_and_plain_nothing_seen() {
        let name = text(TextProperty::Name, TextMatch::Compares(Comparison::Equal), "Bob");
        let both = Filter::All(vec![Filter::Active(true), name.clone()]);
        assert_eq!(both.exact_name(), Some("bob"));
        let either = Filter::Any(vec![Filter::Active(true), name]);
        assert_eq!(either.exact_name(), None);
        assert!(Filter::Missing(TextProperty::Name).is_nothing());
        assert!(Filter::All(Vec::new()).is_everything());
    }
}

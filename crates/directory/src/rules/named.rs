//! Users and groups that rules name one by one: whom each name means, and names that mean nobody, or several.
//!
//! Invariants: a name means everybody, or every group, whom the rule's own comparison finds, and nobody else: a former
//! name, an alias or a display name of a user is told and never followed. What is told changes nothing.

use std::fmt;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::{
    Rules, Who,
    choice::{GroupChoice, PersonChoice, known_as},
    compiled::is_made,
};
use crate::{
    decisions::Node,
    derive::Basis,
    id::ProviderId,
    name::fold,
    observation::Attribute,
    reference::{self, Candidate, Kind, near},
};

/// Names with candidates that are told: each costs a look at everybody.
const TOLD_MAX: usize = 20;
/// Candidates told of one name.
const CANDIDATES_MAX: usize = 20;

/// A name in the rules that means nobody, or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RuleName {
    /// The rule, such as `people.always`.
    pub rule: String,
    /// The name, as the rule has it.
    pub name: String,
    /// How many users or groups the rule means by it.
    pub means: usize,
    /// Whom it means when those are several; otherwise who has it as a former name, an alias or a display name.
    pub candidates: Vec<Candidate>,
    /// Names that are nearly the same, where nobody has it at all.
    pub near: Vec<String>,
}

/// For an administrator: lower case, no full stop.
impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, name, means, candidates, near } = self;
        let told: Vec<String> = candidates.iter().map(told).collect();
        match (means, told.is_empty(), near.is_empty()) {
            (2.., _, _) => write!(
                f,
                "`{name}` in {rule} means {means}, and the rule is for all of them: {}",
                told.join(", ")
            ),
            (_, false, _) => write!(
                f,
                "`{name}` in {rule} means nobody now; it is only known as {}; name the present name or the id",
                told.join(", ")
            ),
            (_, true, false) => {
                write!(
                    f,
                    "`{name}` in {rule} means nobody; did you mean `{}`?",
                    near.join("` or `")
                )
            }
            _ => write!(f, "`{name}` in {rule} means nobody"),
        }
    }
}

fn told(candidate: &Candidate) -> String {
    let name = candidate.name.as_ref().or(candidate.login.as_ref());
    let name = name.or(candidate.display_name.as_ref());
    let name = name.map(|name| format!("{name}, ")).unwrap_or_default();
    let how: Vec<String> = candidate.matched.iter().map(ToString::to_string).collect();
    format!("{} ({name}by {})", candidate.id, how.join(" and "))
}

/// Every name in the rules that means nobody, or several; those of seats and protection by what products see.
pub fn doubtful(basis: &Basis<'_>) -> Vec<RuleName> {
    let references = references(basis.rules);
    if references.is_empty() {
        return Vec::new();
    }
    let means = Meanings::of(basis, &references);
    let mut doubtful = Vec::new();
    for reference in references {
        let found = means.of_one(basis, &reference);
        let is_usual = match found.len() {
            0 => reference.may_be_made,
            1 => true,
            _ => false,
        };
        if !is_usual && doubtful.len() < TOLD_MAX {
            doubtful.push(reference.told(basis, &found));
        }
    }
    doubtful
}

/// A name in a rule, and how the rule compares it.
struct Reference {
    rule: &'static str,
    text: String,
    compares: Compares,
    /// A group that the provider does not have is made.
    may_be_made: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Compares {
    /// The sign-in name.
    Login,
    /// The sign-in name, or the user name that products see.
    LoginOrName,
    /// What the provider calls the group: name, address, or the local part of the address.
    Group,
    /// The name that products see.
    ServedGroup,
    /// The provider's name or address, or the name that products see.
    AnyGroup,
    GroupId,
}

impl Compares {
    fn kind(self) -> Kind {
        match self {
            Self::Login | Self::LoginOrName => Kind::User,
            _ => Kind::Group,
        }
    }
}

fn references(rules: &Rules) -> Vec<Reference> {
    let mut all = Vec::new();
    let mut add = |rule, text: &str, compares| {
        let may_be_made = false;
        all.push(Reference { rule, text: text.trim().to_owned(), compares, may_be_made });
    };
    for login in &rules.people.always {
        add("people.always", login, Compares::Login);
    }
    for login in &rules.people.never {
        add("people.never", login, Compares::Login);
    }
    for rename in &rules.user_names {
        add("user_names", &rename.from, Compares::Login);
    }
    for person in &rules.protected.people {
        match person {
            PersonChoice::Login(login) => {
                add("protected.people", login, Compares::LoginOrName);
            }
            PersonChoice::MemberOf(group) => add("protected.people", group, Compares::ServedGroup),
            PersonChoice::Expression(_) => {}
        }
    }
    for seats in &rules.limits.seats {
        add("limits.seats", &seats.group, Compares::ServedGroup);
    }
    let mut choices = |rule, choices: &[GroupChoice], compares| {
        for choice in choices {
            match choice {
                GroupChoice::Name(name) => add(rule, name, compares),
                GroupChoice::Id(id) => add(rule, &id.to_string(), Compares::GroupId),
                GroupChoice::Pattern(_) | GroupChoice::Regex(_) | GroupChoice::Expression(_) => {}
            }
        }
    };
    choices("groups.only", &rules.groups.only, Compares::Group);
    choices("groups.except", &rules.groups.except, Compares::Group);
    choices("protected.groups", &rules.protected.groups, Compares::AnyGroup);
    if let Who::MembersOf(groups) = &rules.people.who {
        choices("people.who", groups, Compares::Group);
    }
    for addition in &rules.additions {
        choices("additions", std::slice::from_ref(&addition.members_of), Compares::Group);
    }
    let made = rules.everyone.iter().map(|name| ("everyone", name));
    let additions = rules.additions.iter().flat_map(|addition| &addition.groups);
    for (rule, name) in made.chain(additions.map(|name| ("additions", name))) {
        let (text, compares) = (name.trim().to_owned(), Compares::ServedGroup);
        all.push(Reference { rule, text, compares, may_be_made: true });
    }
    all
}

/// Whom texts mean, from one look at everybody.
struct Meanings {
    logins: HashMap<String, Vec<Node>>,
    groups: HashMap<String, Vec<Node>>,
}

impl Meanings {
    fn of(basis: &Basis<'_>, references: &[Reference]) -> Self {
        let wanted = |kind| -> HashMap<String, Vec<Node>> {
            let of_kind = references.iter().filter(|reference| reference.compares.kind() == kind);
            of_kind.map(|reference| (fold(&reference.text).into_owned(), Vec::new())).collect()
        };
        let mut this = Self { logins: wanted(Kind::User), groups: wanted(Kind::Group) };
        let put = |known: &mut HashMap<String, Vec<Node>>, text: &str, node| {
            if let Some(nodes) = known.get_mut(&*fold(text.trim()))
                && !nodes.contains(&node)
            {
                nodes.push(node);
            }
        };
        if !this.logins.is_empty() {
            for row in basis.mirror.people() {
                let login = row.record.attributes.get(Attribute::Login).unwrap_or_default();
                put(&mut this.logins, login, Node::User(row.no));
            }
        }
        if !this.groups.is_empty() {
            for row in basis.mirror.groups().filter(|row| !is_made(&row.record.id)) {
                for name in known_as(&row.record) {
                    put(&mut this.groups, name, Node::Group(row.no));
                }
            }
        }
        this
    }

    fn of_one(&self, basis: &Basis<'_>, reference: &Reference) -> Vec<Node> {
        let folded = fold(&reference.text);
        let known =
            |known: &HashMap<String, Vec<Node>>| known.get(&*folded).cloned().unwrap_or_default();
        let served_user = || basis.served.user_by_name(&folded).map(|(no, _)| Node::User(no));
        let served_group = || basis.served.group_by_name(&folded).map(|(no, _)| Node::Group(no));
        let with = |mut nodes: Vec<Node>, served: Option<Node>| {
            nodes.extend(served.filter(|node| !nodes.contains(node)));
            nodes
        };
        match reference.compares {
            Compares::Login => known(&self.logins),
            Compares::LoginOrName => with(known(&self.logins), served_user()),
            Compares::Group => known(&self.groups),
            Compares::AnyGroup => with(known(&self.groups), served_group()),
            Compares::ServedGroup => served_group().into_iter().collect(),
            Compares::GroupId => {
                let id = ProviderId::parse(&reference.text).ok();
                id.and_then(|id| basis.mirror.group_no(&id)).map(Node::Group).into_iter().collect()
            }
        }
    }
}

impl Reference {
    /// What there is to say of a name that means nobody, or several.
    fn told(self, basis: &Basis<'_>, meant: &[Node]) -> RuleName {
        let kind = self.compares.kind();
        let mut found = reference::find(basis, kind, &self.text, &[]);
        if !meant.is_empty() {
            found.retain(|(node, _)| meant.contains(node));
        }
        let candidates: Vec<Candidate> =
            found.into_iter().map(|(_, candidate)| candidate).take(CANDIDATES_MAX).collect();
        let nobody = meant.is_empty() && candidates.is_empty();
        let near = if nobody { near(basis, kind, &self.text) } else { Vec::new() };
        RuleName {
            rule: self.rule.to_owned(),
            name: self.text,
            means: meant.len(),
            candidates,
            near,
        }
    }
}

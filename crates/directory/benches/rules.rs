//! How long rules take: planning with a CEL filter and a CEL name, and previews of changed rules.
//!
//! 100,000 people with 10,000 groups and 1,000,000 memberships; the same with 1,000,000 people for a small change.
//! The yardsticks are the same plans under the default rules in the bench `plan`.

#[path = "office/tenant.rs"]
mod tenant;

use std::{collections::BTreeSet, hint::black_box};

use directory::{
    decisions::Decisions,
    derive::Basis,
    explain::explain,
    id::Millis,
    mirror::{Dirty, Mirror},
    observation::{Attribute, Attributes, Listing, Observation, PersonRecord},
    plan::{Context, Plan, guard::Window, plan},
    preview::{self, Query},
    rules::{Rules, compiled::Compiled},
    snapshot::Directory,
};
use divan::Bencher;

use self::tenant::{observation, observation_of, person};

/// What the product runs with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// A filter and a name by expression, a group for everybody, an addition, and whose members are served.
fn rules() -> Compiled {
    let rules = r#"{
        "people": {"filter": "user.department != 'Finance' && !user.guest",
                   "who": {"members_of": [{"pattern": "group *"}]}},
        "user_name": {"expression": "user.mail != '' ? user.mail.split('@')[0] : user.login"},
        "display_name": {"expression": "user.surname + ', ' + user.given_name"},
        "everyone": ["jira-software-users"],
        "additions": [{"members_of": {"pattern": "group 1*"}, "groups": ["bitbucket-users"]}]
    }"#;
    Compiled::new(serde_json::from_str(rules).expect("rules")).expect("usable rules")
}

fn filter_and_name() -> Compiled {
    let rules = r#"{
        "people": {"filter": "user.department != 'Finance' && !user.guest"},
        "user_name": {"expression": "user.mail != '' ? user.mail.split('@')[0] : user.login"}
    }"#;
    Compiled::new(serde_json::from_str(rules).expect("rules")).expect("usable rules")
}

struct Office {
    mirror: Mirror,
    served: Directory,
    decisions: Decisions,
}

impl Office {
    fn new(observation: &Observation) -> Self {
        let mut mirror = Mirror::default();
        mirror.merge(observation, Millis(1));
        Self { mirror, served: Directory::default(), decisions: Decisions::default() }
    }

    fn settled(observation: &Observation, rules: &Compiled) -> Self {
        let mut office = Self::new(observation);
        office.mirror.reserve(rules.made_groups(), &mut directory::mirror::Merged::default());
        let first = office.plan(rules, &Dirty::everything());
        office.served = office.served.apply(&first.changes).expect("the plan fits");
        office
    }

    fn basis<'a>(&'a self, rules: &'a Compiled) -> Basis<'a> {
        Basis {
            mirror: &self.mirror,
            rules,
            decisions: &self.decisions,
            served: &self.served,
            observed: Millis(2),
        }
    }

    fn plan(&self, rules: &Compiled, dirty: &Dirty) -> Plan {
        let (window, lifted) = (Window::default(), BTreeSet::new());
        let context = Context {
            now: Millis(2),
            window: &window,
            lifted: &lifted,
            empty_read: false,
            take_overs: &[],
        };
        plan(&self.basis(rules), dirty, &context)
    }
}

#[divan::bench(sample_count = 20)]
fn compile() -> Compiled {
    rules()
}

#[divan::bench(sample_count = 5)]
fn plan_all_new_filter_and_name(bencher: Bencher<'_, '_>) {
    let (office, rules) = (Office::new(&observation()), filter_and_name());
    bencher.bench_local(|| black_box(&office).plan(&rules, &Dirty::everything()));
}

#[divan::bench(sample_count = 5)]
fn plan_all_new_all_rules(bencher: Bencher<'_, '_>) {
    let (office, rules) = (Office::new(&observation()), rules());
    bencher.bench_local(|| black_box(&office).plan(&rules, &Dirty::everything()));
}

#[divan::bench(sample_count = 5)]
fn plan_whole_nothing_new_all_rules(bencher: Bencher<'_, '_>) {
    let rules = rules();
    let office = Office::settled(&observation(), &rules);
    bencher.bench_local(|| black_box(&office).plan(&rules, &Dirty::everything()));
}

/// 100 people with another department at 1,000,000 people: merged, planned and published.
#[divan::bench(sample_count = 5)]
fn delta_of_100_at_a_million_all_rules(bencher: Bencher<'_, '_>) {
    let rules = rules();
    let mut office = Office::settled(&observation_of(1_000_000), &rules);
    let moved = |no: u32, department: &str| {
        let record = person(no);
        let values = record.attributes.iter().filter(|(a, _)| *a != Attribute::Department);
        let values = values.chain([(Attribute::Department, department)]);
        PersonRecord { attributes: Attributes::pack(values), ..record.clone() }
    };
    let mut round = 0;
    bencher.bench_local(|| {
        round += 1;
        let put = (0..100).map(|no| moved(no * 7, &format!("Unit {round}"))).collect();
        let people = Listing::Delta { put, removed: Vec::new() };
        let merged =
            office.mirror.merge(&Observation { people, ..Observation::default() }, Millis(2));
        let plan = office.plan(&rules, &merged.dirty);
        office.served.apply(&plan.changes).expect("the plan fits")
    });
}

/// Rules that nobody passes but a quarter, and other names: what the console shows before they are saved.
#[divan::bench(sample_count = 5)]
fn preview_of_changed_rules(bencher: Bencher<'_, '_>) {
    let (before, after) = (Compiled::default(), rules());
    let office = Office::settled(&observation(), &before);
    let (window, lifted) = (Window::default(), BTreeSet::new());
    let context = Context {
        now: Millis(2),
        window: &window,
        lifted: &lifted,
        empty_read: false,
        take_overs: &[],
    };
    bencher.bench_local(|| {
        let preview = preview::of_rules(&office.basis(&before), &after, &context);
        preview.page(&Query { text: "77".to_owned(), limit: 50, ..Query::default() })
    });
}

/// The same for a filter alone, without a change of names or groups.
#[divan::bench(sample_count = 5)]
fn preview_of_a_filter(bencher: Bencher<'_, '_>) {
    let before = Compiled::default();
    let mut rules = Rules::default();
    rules.people.filter.clone_from(&filter_and_name().people.filter);
    let after = Compiled::new(rules).expect("usable rules");
    let office = Office::settled(&observation(), &before);
    let (window, lifted) = (Window::default(), BTreeSet::new());
    let context = Context {
        now: Millis(2),
        window: &window,
        lifted: &lifted,
        empty_read: false,
        take_overs: &[],
    };
    bencher.bench_local(|| preview::of_rules(&office.basis(&before), &after, &context));
}

#[divan::bench(sample_count = 20)]
fn explain_by_mail(bencher: Bencher<'_, '_>) {
    let rules = rules();
    let office = Office::settled(&observation(), &rules);
    bencher.bench_local(|| explain(&office.basis(&rules), &[], "person77777@example.org"));
}

//! Every page renders with its sample, is well-formed enough for a browser, and escapes what it is given.

use askama::Template;

use super::{
    account::AccountPage,
    administrators::AdministratorsPage,
    alerts::AlertsPage,
    api_reference::ApiPage,
    application::{ListPage, NewPage, connect::ConnectPage, sight::ApplicationPage},
    audit_log::AuditPage,
    changes::{ChangesPage, Row},
    directory::{
        SummaryPage,
        candidates::CandidatesPage,
        danger::SettingsPage as DirectorySettingsPage,
        discards::DiscardsPage,
        group::GroupPage,
        live::Progress,
        outlook::Outlook,
        people::{GroupsPage, PeoplePage},
        person::PersonPage,
        rules::RulesPage,
        runs::{RunsPage, SetAsidePage},
        undo::UndoPage,
        waiting::WaitingPage,
    },
    first_start::FirstStartPage,
    overview::OverviewPage,
    page::RefusalPage,
    settings::SettingsPage,
    sign_in::SignInPage,
    tasks::TasksPage,
    tokens::TokensPage,
    wizard::{IndexPage, finish::DonePage, rules, step::StepPage},
};

fn rendered(page: &impl Template) -> String {
    page.render().unwrap()
}

/// Whole pages, by name.
fn pages() -> Vec<(&'static str, String)> {
    let steps = [
        ("entra", "app"),
        ("entra", "credential"),
        ("entra", "permissions"),
        ("entra", "tenant"),
        ("entra", "test"),
        ("entra", "rules"),
        ("entra", "sync"),
        ("google", "key"),
        ("google", "delegation"),
        ("google", "administrator"),
        ("google", "rules"),
        ("okta", "organisation"),
        ("okta", "credential"),
        ("okta", "grants"),
    ];
    let steps = steps.map(|(provider, slug)| (slug, rendered(&StepPage::sample(provider, slug))));
    let mut pages = vec![
        ("wizard", rendered(&IndexPage::sample())),
        ("done", rendered(&DonePage::sample())),
        ("account", rendered(&AccountPage::sample())),
        ("administrators", rendered(&AdministratorsPage::sample())),
        ("api", rendered(&ApiPage::sample())),
        ("tokens", rendered(&TokensPage::sample())),
        ("tasks", rendered(&TasksPage::sample())),
        ("alerts", rendered(&AlertsPage::sample())),
        ("applications", rendered(&ListPage::sample())),
        ("application", rendered(&ApplicationPage::sample())),
        ("new application", rendered(&NewPage::sample())),
        ("connect", rendered(&ConnectPage::sample())),
        ("audit", rendered(&AuditPage::sample())),
        ("changes", rendered(&ChangesPage::sample())),
        ("directory", rendered(&SummaryPage::sample())),
        ("directory settings", rendered(&DirectorySettingsPage::sample())),
        ("group", rendered(&GroupPage::sample())),
        ("groups", rendered(&GroupsPage::sample())),
        ("people", rendered(&PeoplePage::sample())),
        ("person", rendered(&PersonPage::sample())),
        ("rules", rendered(&RulesPage::sample())),
        ("runs", rendered(&RunsPage::sample())),
        ("candidates", rendered(&CandidatesPage::sample())),
        ("discards", rendered(&DiscardsPage::sample(None))),
        (
            "discards-one",
            rendered(&DiscardsPage::sample(Some(("user".to_owned(), "1".to_owned())))),
        ),
        ("undo", rendered(&UndoPage::sample(Some(7)))),
        ("unpin", rendered(&UndoPage::sample(None))),
        ("set aside", rendered(&SetAsidePage::sample())),
        ("waiting", rendered(&WaitingPage::sample())),
        ("first start", rendered(&FirstStartPage::sample())),
        ("overview", rendered(&OverviewPage::sample())),
        ("refusal", rendered(&RefusalPage::sample())),
        ("settings", rendered(&SettingsPage::sample())),
        ("sign in", rendered(&SignInPage::sample())),
    ];
    pages.extend(steps);
    pages
}

#[test]
fn every_page_renders_with_its_sample() {
    for (name, html) in pages() {
        assert!(
            html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"),
            "{name}"
        );
        assert_eq!(html.matches("<h1").count(), 1, "{name} has one first heading");
        assert!(!html.contains(" style=") && !html.contains("onclick"), "{name} has inline code");
        assert!(
            !html.contains("://") || !html.contains("src=\"http"),
            "{name} loads from elsewhere"
        );
    }
    for piece in
        [rendered(&Row::sample()), rendered(&Progress::sample()), rendered(&Outlook::sample())]
    {
        assert!(piece.contains('<'));
    }
    assert!(rules::sample().contains("<progress") && rules::sample().contains("No."));
}

#[test]
fn what_people_and_providers_write_is_escaped() {
    let people = rendered(&PeoplePage::sample());
    assert!(
        people.contains("Ann &#60;Lee&#62;") && people.contains("value=\"&#60;ann&#62;\""),
        "{people}"
    );
    assert!(!rendered(&OverviewPage::sample()).contains("Saved <b>"));
}

#[test]
fn labels_belong_to_fields_that_are_there() {
    for (name, html) in pages() {
        for part in html.split("<label for=\"").skip(1) {
            let id = part.split('"').next().unwrap();
            assert!(html.contains(&format!("id=\"{id}\"")), "{name}: no field {id}");
        }
    }
}

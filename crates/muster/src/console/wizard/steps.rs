//! The steps of each provider, and what is wrong with what was typed in them.
//!
//! Invariant: judging sends nothing, but for the domain of an Entra tenant, which becomes its id.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use store::{NewConnection, Schedule};

use super::draft::Draft;
use crate::{app::App, console::page::sentence};

/// A step: its part of the address, and its title.
pub(super) type Step = (&'static str, &'static str);

const ENTRA: [Step; 7] = [
    ("app", "Add the app"),
    ("credential", "Credential"),
    ("permissions", "Permissions"),
    ("tenant", "Tenant"),
    ("test", "Test"),
    ("rules", "Rules"),
    ("sync", "First sync"),
];
const GOOGLE: [Step; 6] = [
    ("key", "Service account"),
    ("delegation", "Delegation"),
    ("administrator", "Administrator"),
    ("test", "Test"),
    ("rules", "Rules"),
    ("sync", "First sync"),
];
const OKTA: [Step; 6] = [
    ("organisation", "Organisation"),
    ("credential", "App or token"),
    ("grants", "Scopes and role"),
    ("test", "Test"),
    ("rules", "Rules"),
    ("sync", "First sync"),
];

/// The steps of a provider, in order.
pub(super) fn of(provider: &str) -> &'static [Step] {
    match provider {
        "entra" => &ENTRA,
        "google" => &GOOGLE,
        _ => &OKTA,
    }
}

/// The fields that a step's form may send; the credential aside.
pub(super) fn fields(provider: &str, step: &str) -> &'static [&'static str] {
    match (provider, step) {
        ("entra", "app") => &["client_id", "cloud"],
        ("entra", "credential") => &["kind", "expires"],
        ("entra", "tenant") => &["tenant", "cloud", "authority", "graph"],
        ("google", "administrator") => &["subject", "customer", "domain", "token_uri", "api"],
        ("okta", "organisation") => &["url"],
        ("okta", "credential") => &["kind", "key", "client_id"],
        (_, "rules") => &["read", "groups", "app"],
        (_, "sync") => &["name"],
        _ => &[],
    }
}

/// What is wrong, by the field's name.
pub(super) type Problems = BTreeMap<&'static str, String>;

/// What is wrong with what was typed in a step; asks nobody.
pub(super) fn problems(app: &App, draft: &Draft, step: &str) -> Problems {
    let mut problems = Problems::new();
    match (draft.provider.as_str(), step) {
        (_, "test") if !draft.tested() => {
            problems.insert("test", "The test has not gone well yet.".to_owned());
        }
        (_, "rules") => {
            let scope = unusable(app, draft, None);
            let scope = scope.filter(|text| text.contains("`groups`") || text.contains("`app`"));
            problems.extend(scope.map(|problem| ("read", problem)));
        }
        ("entra", step) => entra(app, draft, step, &mut problems),
        ("google", step) => google(app, draft, step, &mut problems),
        (_, "organisation") => problems.extend(organisation(app, draft).map(|text| ("url", text))),
        (_, "credential") => okta_credential(app, draft, &mut problems),
        _ => {}
    }
    problems
}

fn entra(app: &App, draft: &Draft, step: &str, problems: &mut Problems) {
    let (client_id, tenant) = (draft.text("client_id"), draft.text("tenant"));
    let (field, problem) = match step {
        "app" if client_id.is_empty() => (
            "client_id",
            Some("The Application (client) ID from the app's Overview page is needed.".to_owned()),
        ),
        "app" if !is_guid(client_id) => (
            "client_id",
            Some(
                "That is no Application (client) ID: it has 32 digits in five groups, such as \
                 11111111-2222-3333-4444-555555555555."
                    .to_owned(),
            ),
        ),
        "tenant" if tenant.is_empty() => (
            "tenant",
            Some(
                "The Directory (tenant) ID, or a verified domain such as contoso.com, is needed."
                    .to_owned(),
            ),
        ),
        "tenant" => ("tenant", unusable(app, draft, None)),
        "credential" => return entra_credential(draft, problems),
        _ => return,
    };
    problems.extend(problem.map(|problem| (field, problem)));
}

fn google(app: &App, draft: &Draft, step: &str, problems: &mut Problems) {
    let (field, problem) = match step {
        "key" if !draft.has_typed_secret() => (
            "secret",
            Some(
                "The key file that Google gave is needed: drop it here, or paste what is in it."
                    .to_owned(),
            ),
        ),
        "key" => ("secret", unusable(app, draft, Some(("subject", "admin@example.com")))),
        "administrator" if !draft.text("subject").contains('@') => {
            ("subject", Some("The mail address of the administrator is needed.".to_owned()))
        }
        "administrator" if draft.has_typed_secret() => ("api", unusable(app, draft, None)),
        _ => return,
    };
    problems.extend(problem.map(|problem| (field, problem)));
}

/// Whichever credential comes later, the address is judged as if it were a token.
fn organisation(app: &App, draft: &Draft) -> Option<String> {
    if draft.text("url").is_empty() {
        let text = "The address of your organisation is needed, such as https://example.okta.com.";
        return Some(text.to_owned());
    }
    let mut token = draft.clone();
    token.set("kind", "token");
    token.set_secret("token");
    unusable(app, &token, None)
}

fn entra_credential(draft: &Draft, problems: &mut Problems) {
    if draft.uses_made_key() {
        if draft.made.is_none() {
            problems
                .insert("made", "Make the certificate first, and upload it to the app.".to_owned());
        }
    } else if !draft.has_typed_secret() {
        problems.insert("secret", "The secret's Value is needed.".to_owned());
    } else if is_guid(draft.secret().expose_secret()) {
        let text = "That looks like the Secret ID. Copy the column Value instead; if it is not shown any more, make a \
                    new secret.";
        problems.insert("secret", text.to_owned());
    }
}

fn okta_credential(app: &App, draft: &Draft, problems: &mut Problems) {
    if draft.text("kind") == "token" {
        if !draft.has_typed_secret() {
            problems.insert("secret", "The API token is needed.".to_owned());
        }
        return;
    }
    if draft.text("client_id").is_empty() {
        problems.insert("client_id", "The app's Client ID is needed.".to_owned());
    }
    if draft.uses_made_key() {
        if draft.made.is_none() {
            problems.insert(
                "made",
                "Make the key first, and give its public part to the app.".to_owned(),
            );
        }
    } else if !draft.has_typed_secret() {
        problems.insert("secret", "The private key is needed.".to_owned());
    } else if !draft.text("client_id").is_empty()
        && let Some(problem) = unusable(app, draft, None)
    {
        problems.insert("secret", problem);
    }
}

/// Why the connector would not take settings and credential, if so; `with` stands for a field that is typed later.
fn unusable(app: &App, draft: &Draft, with: Option<(&str, &str)>) -> Option<String> {
    let mut settings = draft.settings();
    if let Some((key, value)) = with {
        settings.entry(key.to_owned()).or_insert_with(|| value.to_owned());
    }
    if draft.provider == "entra" {
        settings.entry("client_id".to_owned()).or_insert_with(|| "client".to_owned());
    }
    let secret = draft.secret();
    let secret =
        if secret.expose_secret().is_empty() { SecretString::from("secret") } else { secret };
    let new = NewConnection {
        name: String::new(),
        provider: draft.provider.clone(),
        settings,
        secret,
        rules: draft.rules(),
        schedule: Schedule::default(),
        key: None,
    };
    app.check_settings(&new).err().map(|error| plain(&error.to_string()))
}

/// A message for the command line, as the wizard says it.
fn plain(text: &str) -> String {
    let text = text.split("; give it with --set").next().unwrap_or(text);
    sentence(text.strip_prefix("the setting ").unwrap_or(text))
}

/// A tenant's domain becomes its id, which stays when domains change.
pub(super) async fn resolve(app: &App, draft: &mut Draft) -> Result<(), String> {
    let tenant = draft.text("tenant").to_owned();
    if tenant.is_empty() || is_guid(&tenant) {
        return Ok(());
    }
    let found = connect::entra_tenant_id(&draft.settings(), app.surroundings()).await;
    let id = found.map_err(|error| plain(&error.to_string()))?;
    draft.set("domain", &tenant);
    draft.set("tenant", &id);
    Ok(())
}

/// Whether a text has the form of an id of Microsoft's.
pub(super) fn is_guid(text: &str) -> bool {
    uuid::Uuid::try_parse(text.trim()).is_ok()
}

/// What a Google key file says that is no secret: the numeric id and the address of the service account.
pub(super) fn service_account(draft: &Draft) -> Option<(String, String)> {
    let file: Value = serde_json::from_str(draft.secret().expose_secret()).ok()?;
    let text = |key: &str| file.get(key).and_then(Value::as_str).map(str::to_owned);
    Some((text("client_id")?, text("client_email")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_for_the_command_line_become_sentences() {
        let text = "the setting `tenant` is missing: the id; give it with --set tenant=…";
        assert_eq!(plain(text), "`tenant` is missing: the id.");
    }

    #[test]
    fn every_step_has_an_address_of_its_own() {
        for provider in ["entra", "google", "okta"] {
            let mut slugs: Vec<&str> = of(provider).iter().map(|step| step.0).collect();
            slugs.sort_unstable();
            slugs.dedup();
            assert_eq!(slugs.len(), of(provider).len());
        }
    }

    #[test]
    fn a_key_file_tells_the_number_to_delegate_to() {
        let mut draft = Draft::default();
        assert_eq!(service_account(&draft), None);
        draft.set_secret(r#"{"client_id":"123","client_email":"a@b","private_key":"hush"}"#);
        assert_eq!(service_account(&draft), Some(("123".to_owned(), "a@b".to_owned())));
    }
}

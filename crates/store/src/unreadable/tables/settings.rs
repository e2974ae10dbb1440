//! Rows of what people set up, and of what they are told.

use super::{
    super::{
        Check::{
            Digest, Fits, Flag, Number, OptionalFits, OptionalNumber, OptionalSealed, OptionalText,
            Sealed, Small, Text,
        },
        Removed::{Kept, TakenOut},
        Table, is_directories, is_maker, is_pin, is_role, is_rules, is_schedule, is_scopes,
        is_settings, is_texts,
    },
    column, needed,
};

pub(super) const DIRECTORY: Table = Table {
    name: "connection",
    kind: "directory",
    key: "id",
    label: Some("name"),
    columns: &[
        needed("id", Small),
        column(
            "name",
            Text,
            "name = 'directory-' || id, folded_name = 'directory-' || id",
            "it gets a name made of its number",
        ),
        column(
            "provider",
            Text,
            "provider = '', paused = TRUE",
            "it is served as it is and not read any more; remove it and connect the tenant again with its key",
        ),
        column(
            "settings",
            Fits(is_settings),
            "settings = '{}', paused = TRUE",
            "the settings are emptied and the directory is paused; set them again with `muster directory set`, then \
             resume it",
        ),
        column(
            "secret",
            Sealed(secret_of_directory),
            "secret = :empty, paused = TRUE",
            "the credential is emptied and the directory is paused; give it again with `muster directory set`, then \
             resume it",
        ),
        column(
            "rules",
            Fits(is_rules),
            "rules = '{}', paused = TRUE",
            "the rules become those of a new directory and the directory is paused; set the rules again with `muster \
             directory rules`, look at the preview, then resume it",
        ),
        column("schedule", Fits(is_schedule), "schedule = '{}'", "the schedule is that of a new directory"),
        column("paused", Flag, "paused = TRUE", "it is paused; `muster directory resume` starts it"),
        column("removing", Flag, "removing = FALSE", "it stays"),
        column("served_once", Flag, "served_once = TRUE", "products may read it"),
        column("cursor", OptionalText, "cursor = NULL", "everything is read at the next run"),
        column(
            "last_full_read",
            OptionalNumber,
            "last_full_read = NULL",
            "everything is read at the next run",
        ),
        column("last_read", OptionalNumber, "last_read = NULL", "the time is that of the next read"),
        column(
            "expires",
            OptionalNumber,
            "expires = NULL",
            "say again when the credential stops working",
        ),
        column(
            "pin",
            OptionalFits(is_pin),
            "pin = json_object('to', (SELECT seq FROM head), 'state_of', (SELECT at FROM head), 'since',
                               (SELECT at FROM head), 'reason', 'the pin that was here could not be read')",
            "it stays as it is served now; `muster directory unpin` lets it follow its provider",
        ),
        needed("key", Text),
        column("next_user", Small, NEXT_USER, "counted anew"),
        column("next_group", Small, NEXT_GROUP, "counted anew"),
    ],
    removed: Kept(
        "nothing, since products know its users by it; restore a backup, or remove the directory and connect the \
         tenant again with the key that an export tells",
    ),
    is_settings: true,
};

pub(super) const KEPT_KEY: Table = Table {
    name: "kept_key",
    kind: "key of a removed directory",
    key: "key",
    label: Some("key"),
    columns: &[
        needed("key", Text),
        needed("provider", Text),
        needed("settings", Fits(is_settings)),
        needed("folded_name", Text),
        column("number", Number, "number = 0", "it counts as the oldest"),
    ],
    removed: TakenOut(
        "taken out; the tenant gets a new key when it is connected again, unless you name the old one",
    ),
    is_settings: true,
};

pub(super) const APPLICATION: Table = Table {
    name: "application",
    kind: "application",
    key: "id",
    label: Some("name"),
    columns: &[
        needed("id", Small),
        column(
            "name",
            Text,
            "name = 'application-' || id, folded_name = 'application-' || id",
            "it gets a name made of its number; add it again under its own",
        ),
        column(
            "password_hash",
            Text,
            "password_hash = ''",
            "nobody gets in until it has a new password; `muster application password` gives one",
        ),
        column(
            "directories",
            Fits(is_directories),
            "directories = '[]'",
            "it sees no directory and gets no lists until you choose them again",
        ),
        column(
            "aggregate",
            Flag,
            "aggregate = FALSE, directories = '[]'",
            "it sees no directory and gets no lists until you choose again how it sees them",
        ),
        column(
            "flattened",
            Flag,
            "flattened = FALSE, directories = '[]'",
            "it sees no directory and gets no lists until you choose again how it sees them",
        ),
        column(
            "frozen_names",
            Flag,
            "frozen_names = TRUE, directories = '[]'",
            "it sees no directory and gets no lists until you choose again how it sees them",
        ),
        column(
            "addresses",
            Fits(is_texts),
            "addresses = '[\"0.0.0.0/32\"]'",
            "it may call from nowhere until you say from where",
        ),
        column("product", OptionalText, "product = NULL", "no product is known for it"),
    ],
    removed: TakenOut("taken out; add the application again"),
    is_settings: true,
};

pub(super) const WEBHOOK: Table = Table {
    name: "webhook",
    kind: "webhook",
    key: "id",
    label: Some("endpoint"),
    columns: &[
        needed("id", Small),
        needed("application", Small),
        needed("endpoint", Text),
        needed("token", OptionalSealed(token_of_webhook)),
        column("failures", Small, "failures = 0", "its failures are forgotten"),
        column(
            "failing_since",
            OptionalNumber,
            "failing_since = NULL",
            "its failures are forgotten",
        ),
    ],
    removed: TakenOut(
        "taken out; the product asks for changes on its own schedule until it registers again",
    ),
    is_settings: true,
};

pub(super) const CHANNEL: Table = Table {
    name: "alert_channel",
    kind: "alert channel",
    key: "id",
    label: Some("name"),
    columns: &[
        needed("id", Small),
        column(
            "name",
            Text,
            "name = 'channel-' || id, folded_name = 'channel-' || id",
            "it gets a name made of its number",
        ),
        needed("kind", Text),
        needed("settings", Fits(is_settings)),
        column("alerts", Fits(is_texts), "alerts = '[]'", "it is told of all kinds of alert"),
        needed("secret", Sealed(secret_of_channel)),
        column("failures", Small, "failures = 0", "its failures are forgotten"),
        column(
            "failing_since",
            OptionalNumber,
            "failing_since = NULL",
            "its failures are forgotten",
        ),
        column("problem", OptionalText, "problem = NULL", "its failures are forgotten"),
        column("retry_at", OptionalNumber, "retry_at = NULL", "it is tried at once"),
        column("told_at", OptionalNumber, "told_at = NULL", "nothing else"),
    ],
    removed: TakenOut("taken out; add the channel again"),
    is_settings: true,
};

pub(super) const ALERT: Table = Table {
    name: "alert",
    kind: "alert",
    key: "id",
    label: Some("title"),
    columns: &[
        needed("id", Small),
        needed("directory", Small),
        column("directory_name", Text, "directory_name = ''", "the next look tells it anew"),
        needed("kind", Text),
        column("aspects", Fits(is_texts), "aspects = '[]'", "the next look tells it anew"),
        column("title", Text, "title = ''", "the next look tells it anew"),
        column("details", Fits(is_texts), "details = '[]'", "the next look tells it anew"),
        column("version", Small, "version = 1", "the next look tells it anew"),
        column("raised", Number, "raised = 0", "its time is lost"),
        column("changed", Number, "changed = 0", "its time is lost"),
        needed("resolved", OptionalNumber),
        column("acknowledged", OptionalNumber, "acknowledged = NULL", "nobody looks after it"),
    ],
    removed: TakenOut("taken out; what is still the matter is told again"),
    is_settings: true,
};

pub(super) const ALERT_TOLD: Table = Table {
    name: "alert_told",
    kind: "note of a told alert",
    key: "rowid",
    label: None,
    columns: &[needed("alert", Small), needed("channel", Small), needed("version", Small)],
    removed: TakenOut("taken out; the alert is told once more"),
    is_settings: false,
};

pub(super) const ADMINISTRATOR: Table = Table {
    name: "administrator",
    kind: "administrator",
    key: "id",
    label: Some("name"),
    columns: &[
        needed("id", Small),
        needed("name", Text),
        needed("role", Fits(is_role)),
        needed("password_hash", Text),
        column("created", Number, "created = 0", "the time is lost"),
        column("last_sign_in", OptionalNumber, "last_sign_in = NULL", "the time is lost"),
    ],
    removed: TakenOut(
        "taken out; invite the administrator again, or make one with `muster admin reset`",
    ),
    is_settings: true,
};

pub(super) const INVITATION: Table = Table {
    name: "invitation",
    kind: "invitation",
    key: "rowid",
    label: Some("name"),
    columns: &[
        needed("token", Digest),
        needed("name", OptionalText),
        needed("role", Fits(is_role)),
        needed("expires", Number),
        needed("made_by", Fits(is_maker)),
    ],
    removed: TakenOut("taken out; invite again"),
    is_settings: true,
};

pub(super) const TOKEN: Table = Table {
    name: "api_token",
    kind: "token",
    key: "id",
    label: Some("name"),
    columns: &[
        needed("id", Small),
        needed("name", Text),
        needed("hash", Digest),
        needed("scopes", Fits(is_scopes)),
        column("made_by", Text, "made_by = ''", "who made it is lost"),
        column("made", Number, "made = 0", "when it was made is lost"),
        needed("expires", OptionalNumber),
        column("last_used", OptionalNumber, "last_used = NULL", "when it was used is lost"),
        needed("revoked", OptionalNumber),
    ],
    removed: TakenOut("taken out; make another token"),
    is_settings: true,
};

pub(super) const DRAFT: Table = Table {
    name: "draft",
    kind: "draft of a directory",
    key: "id",
    label: Some("id"),
    columns: &[
        needed("id", Text),
        column("updated", Number, "updated = 0", "its time is lost"),
        needed("sealed", Sealed(content_of_draft)),
    ],
    removed: TakenOut("taken out; begin again to connect the tenant"),
    is_settings: true,
};

pub(super) const AUDIT: Table = Table {
    name: "audit",
    kind: "entry of the audit log",
    key: "id",
    label: None,
    columns: &[
        needed("id", Number),
        needed("at", Number),
        needed("who", Text),
        needed("origin", Text),
        needed("action", Text),
        needed("object", Text),
        needed("detail", Text),
    ],
    removed: Kept("nothing: what can be read of it is shown"),
    is_settings: false,
};

/// The next number of a user: above all that rows of the directory have.
pub(crate) const NEXT_USER: &str = "next_user = 1 + max(
    (SELECT coalesce(max(no), -1) FROM mirror_person WHERE directory = connection.id AND typeof(no) = 'integer'),
    (SELECT coalesce(max(no), -1) FROM served_user WHERE directory = connection.id AND typeof(no) = 'integer'),
    (SELECT coalesce(max(no), -1) FROM base_user WHERE directory = connection.id AND typeof(no) = 'integer'),
    (SELECT coalesce(max(no), -1) FROM change_log WHERE directory = connection.id AND kind = 0
        AND typeof(no) = 'integer'))";

/// The next number of a group.
pub(crate) const NEXT_GROUP: &str = "next_group = 1 + max(
    (SELECT coalesce(max(no), -1) FROM mirror_group WHERE directory = connection.id AND typeof(no) = 'integer'),
    (SELECT coalesce(max(no), -1) FROM served_group WHERE directory = connection.id AND typeof(no) = 'integer'),
    (SELECT coalesce(max(no), -1) FROM base_group WHERE directory = connection.id AND typeof(no) = 'integer'),
    (SELECT coalesce(max(no), -1) FROM change_log WHERE directory = connection.id AND kind = 1
        AND typeof(no) = 'integer'))";

fn secret_of_directory(id: &str) -> String {
    format!("secret of directory {id}")
}

fn secret_of_channel(id: &str) -> String {
    format!("secret of alert channel {id}")
}

fn token_of_webhook(id: &str) -> String {
    format!("token of webhook {id}")
}

fn content_of_draft(id: &str) -> String {
    format!("draft {id}")
}

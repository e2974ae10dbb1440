//! How a person is written.
//!
//! Invariant: a value that a person does not have is absent, never null; false is written out, except where the field
//! came later than the others (`isGuestUser`).

use serde_json::json;

use super::{
    listing::{close, etag, text_field},
    mask::Mask,
};
use crate::{
    chance::draw,
    clock::time_text,
    json::{push_bool, push_text},
    tenant::{ADMIN, ARCHIVED, ENABLED, GUEST, Member, Tenant, User},
};

const DAY_S: u64 = 86_400;

/// What is written of a person, in this order.
const COLUMNS: [&str; 32] = [
    "kind",
    "id",
    "etag",
    "primaryEmail",
    "name",
    "isAdmin",
    "isDelegatedAdmin",
    "lastLoginTime",
    "creationTime",
    "deletionTime",
    "agreedToTerms",
    "suspended",
    "suspensionReason",
    "archived",
    "changePasswordAtNextLogin",
    "ipWhitelisted",
    "emails",
    "externalIds",
    "organizations",
    "phones",
    "languages",
    "aliases",
    "nonEditableAliases",
    "customerId",
    "orgUnitPath",
    "isMailboxSetup",
    "isEnrolledIn2Sv",
    "isEnforcedIn2Sv",
    "includeInGlobalAddressList",
    "isGuestUser",
    "guestAccountInfo",
    "thumbnailPhotoEtag",
];
/// What everybody in the organisation may see.
const PUBLIC: [&str; 9] = [
    "kind",
    "id",
    "etag",
    "primaryEmail",
    "name",
    "emails",
    "organizations",
    "phones",
    "thumbnailPhotoEtag",
];
/// How people are written.
#[derive(Debug)]
pub(super) struct Style<'a> {
    pub(super) tenant: &'a Tenant,
    customer: &'a str,
    columns: Vec<&'static str>,
    name: Mask,
}

/// The organisational unit of a person.
pub(super) fn unit_path(tenant: &Tenant, row: &User) -> String {
    match tenant.texts.get(row.department) {
        Some(department) => format!("/Staff/{department}"),
        None => "/".to_owned(),
    }
}

impl<'a> Style<'a> {
    /// The columns that a mask selects of those that may be seen.
    pub(super) fn new(
        tenant: &'a Tenant,
        customer: &'a str,
        mask: Option<&Mask>,
        public: bool,
    ) -> Self {
        let all: &[&'static str] = if public { &PUBLIC } else { &COLUMNS };
        let selected = all.iter().filter(|name| mask.is_some_and(|mask| mask.has(name)));
        let columns = selected.copied().collect();
        let name = mask.and_then(|mask| mask.of("name")).unwrap_or_default();
        Self { tenant, customer, columns, name }
    }

    /// Writes a person.
    pub(super) fn write(&self, out: &mut Vec<u8>, at: u32, row: &User) {
        out.push(b'{');
        for column in &self.columns {
            let before = out.len();
            push_text(out, column);
            out.push(b':');
            if self.value(out, column, (at, row)) {
                out.push(b',');
            } else {
                out.truncate(before);
            }
        }
        close(out);
    }

    /// Writes one value; `false` if the person has none.
    fn value(&self, out: &mut Vec<u8>, column: &str, (at, row): (u32, &User)) -> bool {
        let tenant = self.tenant;
        let never = draw(tenant.seed, 0x106, u64::from(at)).is_multiple_of(20);
        match column {
            "kind" => push_text(out, "admin#directory#user"),
            "id" => push_text(out, &tenant.key_of(Member::User(at))),
            "etag" => push_text(out, &etag(u64::from(at) ^ tenant.seed, u64::from(row.changed))),
            "primaryEmail" => push_text(out, tenant.texts.get(row.login).unwrap_or_default()),
            "name" => self.name(out, row),
            "isAdmin" => push_bool(out, row.has(ADMIN)),
            "suspended" => push_bool(out, !row.has(ENABLED)),
            "archived" => push_bool(out, row.has(ARCHIVED)),
            "agreedToTerms" => push_bool(out, !never),
            "isMailboxSetup" | "includeInGlobalAddressList" => push_bool(out, true),
            "isDelegatedAdmin"
            | "changePasswordAtNextLogin"
            | "ipWhitelisted"
            | "isEnrolledIn2Sv"
            | "isEnforcedIn2Sv" => push_bool(out, false),
            "customerId" => push_text(out, self.customer),
            "orgUnitPath" => push_text(out, &unit_path(tenant, row)),
            "creationTime" => push_text(out, &time_of(row.created_s)),
            "lastLoginTime" => {
                let day = draw(tenant.seed, 0x107, u64::from(at)) % 300;
                let login = row.created_s.saturating_add((day * DAY_S) as u32);
                push_text(out, &time_of(if never { 0 } else { login }));
            }
            "deletionTime" if row.deleted_s > 0 => push_text(out, &time_of(row.deleted_s)),
            "suspensionReason" if !row.has(ENABLED) => push_text(out, "ADMIN"),
            "isGuestUser" if row.has(GUEST) => push_bool(out, true),
            _ => return self.list(out, column, (at, row)),
        }
        true
    }

    /// Writes one value that is a list or an object; `false` if the person has none.
    fn list(&self, out: &mut Vec<u8>, column: &str, (at, row): (u32, &User)) -> bool {
        let text = |text| self.tenant.texts.get(text);
        let aliases = self.tenant.addresses.aliases(Member::User(at));
        let login = text(row.login).unwrap_or_default();
        let value = match column {
            "emails" => {
                let mut emails = vec![json!({"address": login, "primary": true})];
                emails.extend(aliases.iter().map(|alias| json!({"address": alias})));
                emails.push(json!({"address": uneditable(login)}));
                json!(emails)
            }
            "aliases" if !aliases.is_empty() => json!(aliases),
            "nonEditableAliases" => json!([uneditable(login)]),
            "externalIds" if !row.employee.is_none() => {
                json!([{"value": text(row.employee), "type": "organization"}])
            }
            "organizations" => {
                let parts = [("department", row.department), ("title", row.job)];
                let more = [("name", row.company), ("location", row.office)];
                let mut organization = json!({"primary": true, "customType": ""});
                for (name, part) in parts.into_iter().chain(more) {
                    if let Some(part) = text(part) {
                        organization[name] = json!(part);
                    }
                }
                json!([organization])
            }
            "phones" if !row.mobile.is_none() => {
                json!([{"value": text(row.mobile), "type": "mobile"}])
            }
            "languages" => json!([{"languageCode": "en", "preference": "preferred"}]),
            "guestAccountInfo" if row.has(GUEST) && !row.email.is_none() => {
                json!({"primaryGuestEmail": text(row.email)})
            }
            _ => return false,
        };
        out.extend_from_slice(value.to_string().as_bytes());
        true
    }

    fn name(&self, out: &mut Vec<u8>, row: &User) {
        let text = |text| self.tenant.texts.get(text);
        out.push(b'{');
        for (field, value) in [
            ("givenName", text(row.first)),
            ("familyName", text(row.last)),
            ("displayName", text(row.display)),
        ] {
            if let Some(value) = value.filter(|_| self.name.has(field)) {
                text_field(out, field, value);
            }
        }
        if self.name.has("fullName") {
            text_field(out, "fullName", &self.tenant.full_name(row));
        }
        close(out);
    }
}

fn time_of(seconds: u32) -> String {
    time_text(i64::from(seconds) * 1000, ".000Z")
}

/// The address in the test domain that Google gives everybody besides.
pub(super) fn uneditable(address: &str) -> String {
    format!("{address}.test-google-a.com")
}

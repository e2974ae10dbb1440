//! `users`: the list and single people.
//!
//! Invariant: deleted people are in no list but that of deleted people. A value that a person does not have is absent,
//! never null.

use serde_json::json;

use super::{
    Google,
    access::{Access, Audience, Subject, USER, USERS},
    error::ApiError,
    listing::{Rows, Sheet, close, etag, prune, text_field},
    mask::Mask,
    order::{By, login, user_key},
    parameters::Parameters,
    schema,
    search::{self, Clause},
};
use crate::{
    chance::draw,
    clock::time_text,
    exchange::Call,
    json::{push_bool, push_text},
    tenant::{ADMIN, ARCHIVED, ENABLED, GUEST, Life, Member, Tenant, User},
};

/// Page tokens of users live three days.
pub(super) const PAGE_LIFE_MS: i64 = 3 * 86_400_000;
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
const SEARCHED: [&str; 11] = [
    "email",
    "name",
    "givenName",
    "familyName",
    "isAdmin",
    "isSuspended",
    "isArchived",
    "orgUnitPath",
    "orgDepartment",
    "orgTitle",
    "externalId",
];

/// How people are written.
#[derive(Debug)]
struct Style<'a> {
    tenant: &'a Tenant,
    customer: &'a str,
    columns: Vec<&'static str>,
    name: Mask,
}

/// The list.
struct People<'a> {
    style: Style<'a>,
    order: std::sync::Arc<Vec<u32>>,
    by: By,
    falls: bool,
    deleted: bool,
    domain: Option<String>,
    search: Vec<Clause>,
    now_ms: i64,
}

impl People<'_> {
    fn user(&self, at: usize) -> u32 {
        let at = if self.falls { self.order.len() - 1 - at } else { at };
        self.order[at]
    }
}

impl Rows for People<'_> {
    fn len(&self) -> usize {
        self.order.len()
    }

    fn shows(&self, at: usize) -> bool {
        let tenant = self.style.tenant;
        let user = self.user(at);
        let row = if self.deleted {
            (tenant.lives[user as usize] == Life::Binned).then(|| tenant.user(user))
        } else {
            tenant.listed_user(user, self.now_ms)
        };
        row.is_some_and(|row| {
            self.domain.as_ref().is_none_or(|domain| login(tenant, user).ends_with(domain))
                && self.search.iter().all(|clause| meets(tenant, (user, row), clause))
        })
    }

    fn key(&self, at: usize) -> String {
        user_key(self.style.tenant, self.by, self.user(at))
    }

    fn falls(&self) -> bool {
        self.falls
    }

    fn number(&self, at: usize) -> u64 {
        u64::from(self.user(at))
    }

    fn write(&self, out: &mut Vec<u8>, at: usize) {
        let tenant = self.style.tenant;
        let user = self.user(at);
        let listed = tenant.listed_user(user, self.now_ms).filter(|_| !self.deleted);
        let row = listed.unwrap_or_else(|| tenant.user(user));
        self.style.write(out, user, row);
    }
}

impl Google {
    /// `GET users`.
    pub(super) fn users(&self, call: &Call, access: &Access) -> Result<Vec<u8>, ApiError> {
        self.admit(access, USERS)?;
        let names = ["customer", "domain", "orderBy", "sortOrder", "query", "showDeleted"];
        let mut known = names.to_vec();
        known.extend(["maxResults", "pageToken", "projection", "customFieldMask", "viewType"]);
        known.push("event");
        let given = Parameters::read(call, &known)?;
        let public = self.view(&given, access)?;
        let domain = self.scope(&given)?;
        let fields = given.get("fields").unwrap_or("*");
        let sheet = Sheet {
            kind: "admin#directory#users",
            list: "users",
            mask: Mask::parse(fields, &schema::USERS)?,
            query: given.fingerprint(&names),
            token: given.get("pageToken"),
            life_ms: PAGE_LIFE_MS,
            rows: given.page_rows((100, 500), self.page_maximum)?,
        };
        let by = match given.choice("orderBy", &["email", "familyName", "givenName"])? {
            Some("familyName") => By::FamilyName,
            Some("givenName") => By::GivenName,
            _ => By::Email,
        };
        let falls = given.choice("sortOrder", &["ASCENDING", "DESCENDING"])? == Some("DESCENDING");
        let tenant = self.world.read();
        let people = People {
            style: Style::new(&tenant, &self.customer, sheet.mask.of("users").as_ref(), public),
            order: self.orders.users(&tenant, by),
            by,
            falls,
            deleted: given.is_true("showDeleted")?,
            domain,
            search: search::parse(given.get("query").unwrap_or_default(), &SEARCHED)?,
            now_ms: self.world.clock.now_ms(),
        };
        self.page(&people, &sheet, call)
    }

    /// `GET users/{userKey}`: by id, address or alias.
    pub(super) fn user(
        &self,
        key: &str,
        call: &Call,
        access: &Access,
    ) -> Result<Vec<u8>, ApiError> {
        self.admit(access, USER)?;
        let given = Parameters::read(call, &["projection", "customFieldMask", "viewType"])?;
        let public = self.view(&given, access)?;
        let mask = Mask::parse(given.get("fields").unwrap_or("*"), &schema::USER)?;
        let tenant = self.world.read_with_lookup();
        let user = self.live_user(&tenant, key).ok_or_else(|| ApiError::not_found("userKey"))?;
        let style = Style::new(&tenant, &self.customer, Some(&mask), public);
        let mut out = Vec::with_capacity(1024);
        style.write(&mut out, user, tenant.user(user));
        Ok(if mask.is_deep(&["name"]) { prune(&out, &mask) } else { out })
    }

    /// The live user with this id, address or alias.
    pub(super) fn live_user(&self, tenant: &Tenant, key: &str) -> Option<u32> {
        let found = if key.contains('@') {
            match tenant.find_address(key) {
                Some(Member::User(user)) => Some(user),
                _ => None,
            }
        } else {
            tenant.user_by_key(key)
        };
        found.filter(|user| tenant.member_is_live(Member::User(*user)))
    }

    /// Whether only what everybody may see is asked for; and whether the subject may ask.
    fn view(&self, given: &Parameters<'_>, access: &Access) -> Result<bool, ApiError> {
        let projection = given.choice("projection", &["basic", "custom", "full"])?;
        if projection == Some("custom") && given.get("customFieldMask").is_none() {
            return Err(ApiError::invalid("customFieldMask"));
        }
        let view = given.choice("viewType", &["admin_view", "domain_public"])?;
        let public = view == Some("domain_public");
        if access.subject == Subject::Account && given.get("customer") == Some("my_customer") {
            // Nobody's customer.
            return Err(ApiError::invalid(""));
        }
        self.may_read(access, if public { Audience::Everybody } else { Audience::Administrators })?;
        Ok(public)
    }

    /// Whose objects are asked for: all of the customer's, or those of one domain (`@domain`).
    pub(super) fn scope(&self, given: &Parameters<'_>) -> Result<Option<String>, ApiError> {
        match given.get("customer") {
            Some(customer) if customer != "my_customer" && customer != self.customer => {
                return Err(ApiError::invalid(""));
            }
            None if given.get("domain").is_none() => return Err(ApiError::bad_request()),
            _ => {}
        }
        let Some(domain) = given.get("domain") else {
            return Ok(None);
        };
        let suffix = format!("@{}", domain.to_lowercase());
        let tenant = self.world.read();
        let own = [tenant.domain.clone(), format!("labs.{}", tenant.domain)];
        let used =
            || (0..tenant.users.len()).any(|at| login(&tenant, at as u32).ends_with(&suffix));
        if own.iter().any(|name| *name == suffix[1..]) || used() {
            return Ok(Some(suffix));
        }
        Err(ApiError::not_found("domain"))
    }
}

/// Whether somebody meets a condition of a search.
fn meets(tenant: &Tenant, (at, row): (u32, &User), clause: &Clause) -> bool {
    let text = |text| clause.matches(tenant.texts.get(text).unwrap_or_default());
    let truth = |value: bool| clause.matches(if value { "true" } else { "false" });
    match clause.field.as_str() {
        "email" => {
            text(row.login)
                || tenant.addresses.aliases(Member::User(at)).iter().any(|one| clause.matches(one))
        }
        "name" => clause.matches(&tenant.full_name(row)),
        "givenName" => text(row.first),
        "familyName" => text(row.last),
        "isAdmin" => truth(row.has(ADMIN)),
        "isSuspended" => truth(!row.has(ENABLED)),
        "isArchived" => truth(row.has(ARCHIVED)),
        "orgUnitPath" => clause.holds_unit(&unit_path(tenant, row)),
        "orgDepartment" => text(row.department),
        "orgTitle" => text(row.job),
        _ => text(row.employee),
    }
}

/// The organisational unit of a person.
pub(super) fn unit_path(tenant: &Tenant, row: &User) -> String {
    match tenant.texts.get(row.department) {
        Some(department) => format!("/Staff/{department}"),
        None => "/".to_owned(),
    }
}

impl<'a> Style<'a> {
    fn new(tenant: &'a Tenant, customer: &'a str, mask: Option<&Mask>, public: bool) -> Self {
        let all: &[&'static str] = if public { &PUBLIC } else { &COLUMNS };
        let selected = all.iter().filter(|name| mask.is_some_and(|mask| mask.has(name)));
        let columns = selected.copied().collect();
        let name = mask.and_then(|mask| mask.of("name")).unwrap_or_default();
        Self { tenant, customer, columns, name }
    }

    /// Writes a person.
    fn write(&self, out: &mut Vec<u8>, at: u32, row: &User) {
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

//! `users`: the list and single people.
//!
//! Invariant: deleted people are in no list but that of deleted people. A value that a person does not have is absent,
//! never null.

use super::{
    Google,
    access::{Access, Audience, Subject, USER, USERS},
    error::ApiError,
    listing::{Rows, Sheet, prune},
    mask::Mask,
    order::{By, login, user_key},
    parameters::Parameters,
    person::{Style, unit_path},
    schema,
    search::{self, Clause},
};
use crate::{
    exchange::Call,
    tenant::{ADMIN, ARCHIVED, ENABLED, Life, Member, Tenant, User},
};

/// Page tokens of users live three days.
pub(super) const PAGE_LIFE_MS: i64 = 3 * 86_400_000;

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
        given.choice("event", &["add", "delete", "makeAdmin", "undelete", "update"])?;
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
        let user = live_user(&tenant, key).ok_or_else(|| ApiError::not_found("userKey"))?;
        let style = Style::new(&tenant, &self.customer, Some(&mask), public);
        let mut out = Vec::with_capacity(1024);
        style.write(&mut out, user, tenant.user(user));
        Ok(if mask.is_deep(&["name"]) { prune(&out, &mask) } else { out })
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

/// The live user with this id, address or alias.
pub(super) fn live_user(tenant: &Tenant, key: &str) -> Option<u32> {
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

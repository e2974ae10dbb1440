//! Writing users, groups and other directory objects as Graph shows them.
//!
//! Invariant: derived properties (proxy addresses, on-premises names, licences) are functions of the row and its id, so
//! they cost no memory and are the same on every page. A binned user's name carries their id in front, as at the vendor.

use super::property::{GroupProperty, UserProperty};
use crate::chance::draw;
use crate::clock::write_time;
use crate::json::{push_bool, push_option, push_text};
use crate::tenant::id::{Guid, Ids, Kind};
use crate::tenant::text::Text;
use crate::tenant::{
    Card, ENABLED, GUEST, GroupKind, Member, OtherKind, PENDING, SYNCED, Tenant, User,
};

/// A selection made ready for writing: `"name":` and what it is.
#[derive(Debug)]
pub(super) struct Columns<P> {
    columns: Vec<(Vec<u8>, P)>,
}

impl Columns<UserProperty> {
    /// The columns of a selection of user properties.
    pub(super) fn users(mask: u64) -> Self {
        Self { columns: columns(UserProperty::ALL, |property| mask & property.bit() != 0) }
    }
}

impl Columns<GroupProperty> {
    /// The columns of a selection of group properties, without the members.
    pub(super) fn groups(mask: u64) -> Self {
        let wanted = mask & !GroupProperty::Members.bit();
        Self { columns: columns(GroupProperty::ALL, |property| wanted & property.bit() != 0) }
    }
}

fn columns<P: Copy>(all: &[(P, &str)], wanted: impl Fn(P) -> bool) -> Vec<(Vec<u8>, P)> {
    let chosen = all.iter().filter(|(property, _)| wanted(*property));
    chosen.map(|(property, name)| (format!("\"{name}\":").into_bytes(), *property)).collect()
}

/// Which nulls an object is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nulls {
    /// All: lists and single reads.
    Write,
    /// None but these properties: deltas leave out what was never set.
    Only(u64),
}

/// Writes `{"@odata.type":…,` or `{`.
pub(super) fn open(out: &mut Vec<u8>, kind: Option<&str>) {
    out.push(b'{');
    if let Some(kind) = kind {
        out.extend_from_slice(b"\"@odata.type\":\"#microsoft.graph.");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",");
    }
}

/// Ends an object that was opened, whatever was written last.
pub(super) fn close(out: &mut Vec<u8>) {
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.push(b'}');
}

/// Writes `"id":"…",`.
pub(super) fn push_id(out: &mut Vec<u8>, id: Guid) {
    out.extend_from_slice(b"\"id\":\"");
    out.extend_from_slice(&id.text());
    out.extend_from_slice(b"\",");
}

/// The type name of a member.
pub(super) fn type_name(tenant: &Tenant, member: Member) -> &'static str {
    match member {
        Member::User(_) => "user",
        Member::Group(_) => "group",
        Member::Other(at) => match tenant.others[at as usize].kind {
            OtherKind::Device => "device",
            OtherKind::ServicePrincipal => "servicePrincipal",
            _ => "orgContact",
        },
    }
}

/// Writes the selected properties of a user, each followed by a comma.
pub(super) fn user_columns(
    out: &mut Vec<u8>,
    tenant: &Tenant,
    (at, user): (u32, &User),
    columns: &Columns<UserProperty>,
    nulls: Nulls,
) {
    let id = tenant.user_id(at);
    for (key, property) in &columns.columns {
        let start = out.len();
        out.extend_from_slice(key);
        user_value(out, tenant, (id, user), *property);
        finish_column(out, start, key.len(), property.bit(), nulls);
    }
}

/// Writes the selected properties of a group, each followed by a comma.
pub(super) fn group_columns(
    out: &mut Vec<u8>,
    tenant: &Tenant,
    (at, card): (u32, &Card),
    columns: &Columns<GroupProperty>,
    nulls: Nulls,
) {
    let id = tenant.group_id(at);
    for (key, property) in &columns.columns {
        let start = out.len();
        out.extend_from_slice(key);
        group_value(out, tenant, (id, card), *property);
        finish_column(out, start, key.len(), property.bit(), nulls);
    }
}

fn finish_column(out: &mut Vec<u8>, start: usize, key: usize, bit: u64, nulls: Nulls) {
    if let Nulls::Only(kept) = nulls
        && kept & bit == 0
        && &out[start + key..] == b"null"
    {
        out.truncate(start);
    } else {
        out.push(b',');
    }
}

fn user_value(
    out: &mut Vec<u8>,
    tenant: &Tenant,
    (id, user): (Guid, &User),
    property: UserProperty,
) {
    use UserProperty as P;
    let text = |text: Text| tenant.texts.get(text);
    let luck = || u64::from_le_bytes(id.0[8..].try_into().expect("a GUID has 16 bytes"));
    match property {
        P::Id => push_guid(out, id),
        P::UserPrincipalName => push_login(out, text(user.login).unwrap_or_default(), id, user),
        P::DisplayName => push_option(out, text(user.display)),
        P::GivenName => push_option(out, text(user.first)),
        P::Surname => push_option(out, text(user.last)),
        P::Mail => push_option(out, text(user.email)),
        P::JobTitle => push_option(out, text(user.job)),
        P::Department => push_option(out, text(user.department)),
        P::CompanyName => push_option(out, text(user.company)),
        P::OfficeLocation | P::City => push_option(out, text(user.office)),
        P::MobilePhone => push_option(out, text(user.mobile)),
        P::EmployeeId => push_option(out, text(user.employee)),
        P::AccountEnabled => push_bool(out, user.has(ENABLED)),
        P::UserType => push_text(out, if user.has(GUEST) { "Guest" } else { "Member" }),
        P::CreatedDateTime => push_time(out, user.created_s),
        P::DeletedDateTime => push_time(out, user.deleted_s),
        P::MailNickname => push_text(out, local_part(text(user.login).unwrap_or_default())),
        P::PreferredLanguage if luck().is_multiple_of(3) => push_text(out, "en-GB"),
        P::UsageLocation => push_text(out, "DE"),
        P::BusinessPhones => out.extend_from_slice(b"[]"),
        P::OtherMails => match text(user.email).filter(|_| user.has(GUEST)) {
            Some(mail) => push_list(out, &[mail]),
            None => out.extend_from_slice(b"[]"),
        },
        P::ProxyAddresses => push_proxies(out, tenant, user),
        P::ExternalUserState if user.has(GUEST) => {
            push_text(out, if user.has(PENDING) { "PendingAcceptance" } else { "Accepted" });
        }
        P::CreationType if user.has(GUEST) => push_text(out, "Invitation"),
        P::AssignedLicenses => push_licences(out, tenant, luck()),
        P::Identities => {
            out.extend_from_slice(b"[{\"signInType\":\"userPrincipalName\",\"issuer\":\"contoso.onmicrosoft.com\",\"issuerAssignedId\":");
            push_option(out, text(user.login));
            out.extend_from_slice(b"}]");
        }
        _ if user.has(SYNCED) => {
            on_premises(out, text(user.login).unwrap_or_default(), id, property);
        }
        _ => out.extend_from_slice(b"null"),
    }
}

fn on_premises(out: &mut Vec<u8>, login: &str, id: Guid, property: UserProperty) {
    use UserProperty as P;
    let local = local_part(login);
    match property {
        P::OnPremisesSyncEnabled => out.extend_from_slice(b"true"),
        P::OnPremisesSamAccountName => {
            let end = local.char_indices().nth(20).map_or(local.len(), |(at, _)| at);
            push_text(out, &local[..end]);
        }
        P::OnPremisesUserPrincipalName => push_text(out, &format!("{local}@corp.contoso.example")),
        P::OnPremisesDomainName => push_text(out, "corp.contoso.example"),
        P::OnPremisesImmutableId => {
            use base64::Engine as _;
            push_text(out, &base64::engine::general_purpose::STANDARD.encode(id.0));
        }
        _ => out.extend_from_slice(b"null"),
    }
}

fn push_login(out: &mut Vec<u8>, login: &str, id: Guid, user: &User) {
    if user.deleted_s == 0 {
        return push_text(out, login);
    }
    push_text(out, &format!("{}{login}", id.to_string().replace('-', "")));
}

fn push_proxies(out: &mut Vec<u8>, tenant: &Tenant, user: &User) {
    let Some(mail) = tenant.texts.get(user.email) else {
        return out.extend_from_slice(b"[]");
    };
    let primary = format!("SMTP:{mail}");
    let login = tenant.texts.get(user.login).unwrap_or_default();
    if user.has(GUEST) || login.eq_ignore_ascii_case(mail) {
        return push_list(out, &[&primary]);
    }
    push_list(out, &[&primary, &format!("smtp:{login}")]);
}

fn push_licences(out: &mut Vec<u8>, tenant: &Tenant, luck: u64) {
    if luck % 10 >= 7 {
        return out.extend_from_slice(b"[]");
    }
    let sku = Ids::new(tenant.seed ^ 0x5c0).guid(Kind::Fixed, (luck % 2) as u32);
    out.extend_from_slice(b"[{\"disabledPlans\":[],\"skuId\":\"");
    out.extend_from_slice(&sku.text());
    out.extend_from_slice(b"\"}]");
}

fn group_value(
    out: &mut Vec<u8>,
    tenant: &Tenant,
    (id, card): (Guid, &Card),
    property: GroupProperty,
) {
    use GroupProperty as P;
    let text = |text: Text| tenant.texts.get(text);
    let mail_enabled = mail_enabled(card);
    let nickname = text(card.nickname).unwrap_or_default();
    let mail = || format!("{nickname}@{}", tenant.domain);
    match property {
        P::Id => push_guid(out, id),
        P::DisplayName => push_option(out, text(card.name)),
        P::Description => push_option(out, text(card.description)),
        P::MailNickname => push_text(out, nickname),
        P::Mail if mail_enabled => push_text(out, &mail()),
        P::MailEnabled => push_bool(out, mail_enabled),
        P::SecurityEnabled => push_bool(out, security_enabled(card)),
        P::GroupTypes if card.kind == GroupKind::M365 => push_list(out, &["Unified"]),
        P::Visibility if hides_members(tenant, id) => push_text(out, "HiddenMembership"),
        P::Visibility if card.kind == GroupKind::M365 => {
            let private = draw(tenant.seed, 0x715, u64::from(id.0[15])) & 1 == 0;
            push_text(out, if private { "Private" } else { "Public" });
        }
        P::ProxyAddresses if mail_enabled => push_list(out, &[&format!("SMTP:{}", mail())]),
        P::GroupTypes | P::ProxyAddresses => out.extend_from_slice(b"[]"),
        P::CreatedDateTime | P::RenewedDateTime => push_time(out, card.created_s),
        P::DeletedDateTime => push_time(out, card.deleted_s),
        P::SecurityIdentifier => {
            let part = |at: usize| {
                u32::from_le_bytes([id.0[at], id.0[at + 1], id.0[at + 2], id.0[at + 3]])
            };
            let sid = format!("S-1-12-1-{}-{}-{}-{}", part(0), part(4), part(8), part(12));
            push_text(out, &sid);
        }
        _ => out.extend_from_slice(b"null"),
    }
}

fn hides_members(tenant: &Tenant, id: Guid) -> bool {
    let hidden = &tenant.hidden_groups;
    !hidden.is_empty() && tenant.find_group(id).is_some_and(|at| hidden.contains(&at))
}

/// Whether a group has a mailbox.
pub(super) fn mail_enabled(card: &Card) -> bool {
    card.kind != GroupKind::Security
}

/// Whether a group can hold permissions.
pub(super) fn security_enabled(card: &Card) -> bool {
    [GroupKind::Security, GroupKind::MailSecurity].contains(&card.kind)
}

/// Writes a GUID with its quotes.
pub(super) fn push_guid(out: &mut Vec<u8>, id: Guid) {
    out.push(b'"');
    out.extend_from_slice(&id.text());
    out.push(b'"');
}

fn push_time(out: &mut Vec<u8>, seconds: u32) {
    if seconds == 0 {
        return out.extend_from_slice(b"null");
    }
    out.push(b'"');
    write_time(out, i64::from(seconds) * 1000, "Z\"");
}

fn push_list(out: &mut Vec<u8>, texts: &[&str]) {
    out.push(b'[');
    for (at, text) in texts.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_text(out, text);
    }
    out.push(b']');
}

fn local_part(login: &str) -> &str {
    login.split_once('@').map_or(login, |(local, _)| local)
}

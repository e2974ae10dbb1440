//! Enterprise applications, and who is assigned to them (A2.4).
//!
//! Invariant: only direct assignments, of people and of groups; whoever is deleted is not shown. Applications other than
//! our own come into being when somebody is assigned to them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::{
    Entra,
    cursor::Cursor,
    error::GraphError,
    json::{Head, Rows},
    members::{live_object, rank},
    property::unknown,
    query::Query,
    route::Noun,
    token::Claims,
};
use crate::{
    chance::{draw, hash_bytes},
    clock::time_text,
    exchange::Call,
    faults::FaultKind,
    provider::Controlled,
    tenant::{
        Member, Tenant,
        id::{Guid, Ids, Kind},
    },
};

/// Who is assigned, by application, with the time.
#[derive(Debug, Default)]
pub(super) struct Assignments(Mutex<BTreeMap<Guid, BTreeMap<Member, i64>>>);

/// Access without a role of the application's own.
const DEFAULT_ROLE: &str = "00000000-0000-0000-0000-000000000000";
/// What an assignment shows.
const FIELDS: [&str; 9] = [
    "id",
    "deletedDateTime",
    "appRoleId",
    "createdDateTime",
    "principalDisplayName",
    "principalId",
    "principalType",
    "resourceDisplayName",
    "resourceId",
];

impl Claims {
    /// Whether the token may read applications.
    fn reads_apps(&self) -> bool {
        self.any_role(&[
            "Application.Read.All",
            "Application.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ])
    }

    /// Whether the token may read the assignments of a user or group.
    fn reads_assignments(&self) -> bool {
        self.any_role(&[
            "AppRoleAssignment.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ])
    }
}

impl Entra {
    /// `PUT` or `DELETE apps/APP/users/ID`, `apps/APP/groups/ID` of the control API.
    pub(super) fn assign(&self, method: &str, (app, kind, id): (&str, &str, &str)) -> Controlled {
        let nothing = |what: &str, id: &str| (404, format!("there is no {what} {id:?}"));
        let app = Guid::parse(app).ok_or_else(|| nothing("application", app))?;
        let tenant = self.world.read();
        let principal = match kind {
            "users" => tenant.user_by_key(id).map(Member::User),
            _ => tenant.group_by_key(id).map(Member::Group),
        };
        let principal = principal.ok_or_else(|| nothing(kind, id))?;
        let mut all = crate::lock(&self.assignments.0);
        let assigned = all.entry(app).or_default();
        let changed = match method {
            "PUT" => assigned.insert(principal, self.world.clock.now_ms()).is_none(),
            "DELETE" => assigned.remove(&principal).is_some(),
            _ => return Err((405, format!("there is no {method} for assignments"))),
        };
        Ok(json!({"changed": changed}))
    }

    /// The id of an application's service principal.
    fn principal_of(&self, app: Guid) -> Guid {
        if app == self.app.client_id {
            return self.app.object_id;
        }
        Ids::new(self.world.seed ^ hash_bytes(&app.0)).guid(Kind::Fixed, 3)
    }

    /// The application that a key names: `appId=` and its id, or the id of its service principal.
    fn application(&self, key: &str, claims: &Arc<Claims>) -> Result<Guid, GraphError> {
        if !claims.reads_apps() {
            return Err(GraphError::denied());
        }
        let all = crate::lock(&self.assignments.0);
        let mut known = all.keys().copied().chain([self.app.client_id]);
        let found = match key.strip_prefix("appId=") {
            Some(app) => known.find(|known| Some(*known) == Guid::parse(app)),
            None => known.find(|known| Some(self.principal_of(*known)) == Guid::parse(key)),
        };
        found.ok_or_else(|| GraphError::not_found(key))
    }

    fn name_of(&self, app: Guid) -> String {
        if app == self.app.client_id { "Directory sync".to_owned() } else { format!("App {app}") }
    }

    /// `GET /servicePrincipals(appId='…')`.
    pub(super) fn service_principal(
        &self,
        key: &str,
        call: &Call,
        claims: &Arc<Claims>,
    ) -> Result<Vec<u8>, GraphError> {
        let app = self.application(key, claims)?;
        let body = json!({
            "@odata.context": format!("{}/v1.0/$metadata#servicePrincipals/$entity", call.base),
            "id": self.principal_of(app).to_string(),
            "appId": app.to_string(),
            "accountEnabled": true,
            "displayName": self.name_of(app),
            "appRoleAssignmentRequired": false,
            "appRoles": [],
            "servicePrincipalType": "Application",
        });
        Ok(body.to_string().into_bytes())
    }

    /// `GET /servicePrincipals(appId='…')/appRoleAssignedTo`.
    pub(super) fn assigned_to(
        &self,
        key: &str,
        query: &Query,
        call: &Call,
        claims: &Arc<Claims>,
    ) -> Result<Vec<u8>, GraphError> {
        let app = self.application(key, claims)?;
        let wanted = selected(query)?;
        let now_ms = self.world.clock.now_ms();
        let from = match &query.skip_token {
            Some(token) => self.cursors.open_page(token, query.hash, now_ms)?.position,
            None => 0,
        };
        let tenant = self.world.read();
        let all = crate::lock(&self.assignments.0).get(&app).cloned().unwrap_or_default();
        let live = all.into_iter().filter(|(one, _)| tenant.member_is_live(*one));
        let mut left = live.filter(|(one, _)| rank(*one) >= from);
        let context = format!("{}/v1.0/$metadata#appRoleAssignments", call.base);
        let mut head = Head { context, ..Head::default() };
        let mut rows = Rows::default();
        if call.picked.has(FaultKind::Empty) {
            return Ok(head.page(&rows));
        }
        let mut next = None;
        for (principal, at_ms) in left.by_ref() {
            if rows.count == query.page_size() {
                let position = rank(principal);
                next = Some(Cursor {
                    query: query.hash,
                    position,
                    issued_ms: now_ms,
                    ..Cursor::default()
                });
                break;
            }
            if call.picked.omits(Self::omit_number(tenant.member_id(principal))) {
                continue;
            }
            let mut row = self.assignment(&tenant, app, (principal, at_ms));
            if let Value::Object(fields) = &mut row {
                fields.retain(|name, _| wanted.contains(&name.as_str()));
            }
            rows.next().extend_from_slice(row.to_string().as_bytes());
        }
        head.next_link = self.next_link(next, query, call);
        Ok(head.page(&rows))
    }

    /// `GET /users/{id}/appRoleAssignments`, `/groups/{id}/appRoleAssignments`, on one page: for a user also those of the
    /// groups that the user is directly in.
    pub(super) fn assignments_of(
        &self,
        (noun, id): (Noun, &str),
        query: &Query,
        call: &Call,
        claims: &Arc<Claims>,
    ) -> Result<Vec<u8>, GraphError> {
        if !claims.reads_assignments() {
            return Err(GraphError::denied());
        }
        let wanted = selected(query)?;
        let tenant = self.world.read_with_lookup();
        let object = live_object(&tenant, noun, id)?;
        let mut principals = vec![object];
        if matches!(object, Member::User(_)) {
            principals.extend(tenant.groups_of(object).into_iter().map(Member::Group));
        }
        let context = format!("{}/v1.0/$metadata#appRoleAssignments", call.base);
        let head = Head { context, ..Head::default() };
        let mut rows = Rows::default();
        if call.picked.has(FaultKind::Empty) {
            return Ok(head.page(&rows));
        }
        for (app, assigned) in crate::lock(&self.assignments.0).iter() {
            for principal in &principals {
                let Some(at_ms) = assigned.get(principal) else { continue };
                if call.picked.omits(Self::omit_number(tenant.member_id(*principal))) {
                    continue;
                }
                let mut row = self.assignment(&tenant, *app, (*principal, *at_ms));
                if let Value::Object(fields) = &mut row {
                    fields.retain(|name, _| wanted.contains(&name.as_str()));
                }
                rows.next().extend_from_slice(row.to_string().as_bytes());
            }
        }
        Ok(head.page(&rows))
    }

    fn assignment(&self, tenant: &Tenant, app: Guid, (principal, at_ms): (Member, i64)) -> Value {
        let (kind, name) = match principal {
            Member::User(at) => ("User", tenant.user(at).display),
            Member::Group(at) => ("Group", tenant.group(at).card.name),
            Member::Other(at) => ("ServicePrincipal", tenant.others[at as usize].name),
        };
        let number = draw(hash_bytes(&app.0), 0xa55, rank(principal));
        json!({
            "id": format!("{number:016x}{:016x}", number.rotate_left(17)),
            "deletedDateTime": null,
            "appRoleId": DEFAULT_ROLE,
            "createdDateTime": time_text(at_ms, "Z"),
            "principalDisplayName": tenant.texts.get(name),
            "principalId": tenant.member_id(principal).to_string(),
            "principalType": kind,
            "resourceDisplayName": self.name_of(app),
            "resourceId": self.principal_of(app).to_string(),
        })
    }
}

/// The fields that are asked for.
fn selected(query: &Query) -> Result<Vec<&str>, GraphError> {
    let Some(select) = &query.select else {
        return Ok(FIELDS.to_vec());
    };
    let names: Vec<&str> = select.split(',').map(str::trim).collect();
    match names.iter().find(|name| !FIELDS.contains(name)) {
        Some(name) => Err(unknown(name, "appRoleAssignment")),
        None => Ok(names),
    }
}

//! Questions about single objects: is this one in those groups, what are these ids.
//!
//! Invariant: these read the present, never a lagging list, so a client can confirm with them what a list claims.

use std::sync::Arc;

use serde::Deserialize;

use super::Entra;
use super::error::GraphError;
use super::json::{Head, Rows};
use super::members::{ObjectStyle, live_object, shows_members};
use super::property::select_objects;
use super::query::Query;
use super::route::Noun;
use super::token::Claims;
use super::write;
use crate::exchange::Call;
use crate::tenant::Member;
use crate::tenant::id::Guid;

/// Most groups one check may name.
const CHECK_GROUPS_MAX: usize = 20;
/// Most ids one look-up may name.
const IDS_MAX: usize = 1000;

#[derive(Deserialize)]
struct CheckBody {
    #[serde(rename = "groupIds")]
    group_ids: Vec<String>,
}

#[derive(Deserialize)]
struct IdsBody {
    ids: Vec<String>,
    #[serde(default)]
    types: Option<Vec<String>>,
}

impl Entra {
    /// `POST …/checkMemberGroups`: those of the named groups that contain the object, at any depth.
    pub(super) fn check_member_groups(
        &self,
        (noun, id): (Noun, &str),
        call: &Call,
        claims: &Claims,
    ) -> Result<Vec<u8>, GraphError> {
        let body: CheckBody = read_body(call)?;
        if body.group_ids.len() > CHECK_GROUPS_MAX {
            return Err(GraphError::new(
                400,
                "Directory_ResultSizeLimitExceeded",
                format!("The request may name at most {CHECK_GROUPS_MAX} groups."),
            ));
        }
        let tenant = self.world.read_with_lookup();
        let member = live_object(&tenant, noun, id)?;
        let within = tenant.groups_of_transitive(member);
        let context = format!("{}/v1.0/$metadata#Collection(Edm.String)", call.base);
        let mut rows = Rows::default();
        for id in &body.group_ids {
            let Some(guid) = Guid::parse(id) else {
                return Err(GraphError::bad_request(format!("Invalid object identifier '{id}'.")));
            };
            let group = tenant.find_group(guid);
            if group.is_some_and(|group| {
                within.binary_search(&group).is_ok()
                    && shows_members(&tenant, Member::Group(group), claims)
            }) {
                write::push_guid(rows.next(), guid);
            }
        }
        Ok(Head { context, ..Head::default() }.page(&rows))
    }

    /// `POST /directoryObjects/getByIds`: those of the objects that exist.
    pub(super) fn get_by_ids(
        &self,
        query: &Query,
        call: &Call,
        claims: &Arc<Claims>,
    ) -> Result<Vec<u8>, GraphError> {
        let body: IdsBody = read_body(call)?;
        if body.ids.len() > IDS_MAX {
            return Err(GraphError::bad_request(format!(
                "Too many ids: at most {IDS_MAX} per request."
            )));
        }
        let style = ObjectStyle::new(select_objects(query.select.as_deref())?, claims);
        let tenant = self.world.read();
        let context = format!("{}/v1.0/$metadata#directoryObjects", call.base);
        let mut rows = Rows::with_capacity(body.ids.len());
        for id in &body.ids {
            let Some(guid) = Guid::parse(id) else {
                return Err(GraphError::bad_request(format!("Invalid GUID:{id}")));
            };
            let found = tenant.find(guid).filter(|object| tenant.member_is_live(*object));
            let Some(object) = found else {
                continue;
            };
            let kind = write::type_name(&tenant, object);
            let wanted = body.types.as_ref().is_none_or(|types| {
                types.iter().any(|name| name == kind || name == "directoryObject")
            });
            if wanted && !call.picked.omits(Self::omit_number(guid)) {
                style.write(rows.next(), &tenant, object);
            }
        }
        Ok(Head { context, ..Head::default() }.page(&rows))
    }

    /// `GET /directoryObjects/{id}`.
    pub(super) fn object(
        &self,
        id: &str,
        query: &Query,
        call: &Call,
        claims: &Arc<Claims>,
    ) -> Result<Vec<u8>, GraphError> {
        let style = ObjectStyle::new(select_objects(query.select.as_deref())?, claims);
        let tenant = self.world.read();
        let found = Guid::parse(id).and_then(|guid| tenant.find(guid));
        let object = found
            .filter(|object| tenant.member_is_live(*object))
            .ok_or_else(|| GraphError::not_found(id))?;
        Ok(single(&style, &tenant, object, call))
    }

    /// `GET /directory/deletedItems/{id}`: an object in the bin.
    pub(super) fn deleted_item(
        &self,
        id: &str,
        query: &Query,
        call: &Call,
        claims: &Arc<Claims>,
    ) -> Result<Vec<u8>, GraphError> {
        let masks = super::directory::deleted_masks(query)?;
        let tenant = self.world.read();
        let found = Guid::parse(id).and_then(|guid| tenant.find(guid));
        let object = found
            .filter(|object| tenant.life(*object) == crate::tenant::Life::Binned)
            .ok_or_else(|| GraphError::not_found(id))?;
        let readable = match object {
            Member::User(_) => claims.reads_users(),
            _ => claims.reads_groups(),
        };
        if !readable {
            return Err(GraphError::denied());
        }
        Ok(single(&ObjectStyle::new(masks, claims), &tenant, object, call))
    }
}

fn single(
    style: &ObjectStyle,
    tenant: &crate::tenant::Tenant,
    object: Member,
    call: &Call,
) -> Vec<u8> {
    let mut out =
        format!("{{\"@odata.context\":\"{}/v1.0/$metadata#directoryObjects/$entity\",", call.base)
            .into_bytes();
    let mut row = Vec::new();
    style.write(&mut row, tenant, object);
    out.extend_from_slice(&row[1..]);
    out
}

/// The request's body as JSON of that shape.
pub(super) fn read_body<'a, T: Deserialize<'a>>(call: &'a Call) -> Result<T, GraphError> {
    let kind = call.header("content-type").unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(GraphError::new(
            415,
            "Request_BadRequest",
            "A media type of application/json is required for the request's content.",
        ));
    }
    serde_json::from_slice(&call.body)
        .map_err(|error| GraphError::bad_request(format!("Unable to read JSON request: {error}.")))
}

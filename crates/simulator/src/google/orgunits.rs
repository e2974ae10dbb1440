//! `orgunits`: the units that people are in.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Google,
    access::{Access, Audience, ORG_UNITS},
    error::ApiError,
    listing::etag,
    mask::Mask,
    parameters::Parameters,
    person::unit_path,
    schema,
};
use crate::{chance::hash_bytes, exchange::Call};

impl Google {
    /// `GET customer/{customerId}/orgunits`. There are no pages.
    pub(super) fn org_units(
        &self,
        customer: &str,
        call: &Call,
        access: &Access,
    ) -> Result<Vec<u8>, ApiError> {
        self.admit(access, ORG_UNITS)?;
        let given = Parameters::read(call, &["type", "orgUnitPath"])?;
        self.may_read(access, Audience::Administrators)?;
        if customer != "my_customer" && customer != self.customer {
            return Err(ApiError::invalid(""));
        }
        let mask = Mask::parse(given.get("fields").unwrap_or("*"), &schema::ORG_UNITS)?;
        let which = given.choice("type", &["all", "children", "allIncludingParent"])?;
        let below = given.get("orgUnitPath").unwrap_or("/").trim_end_matches('/');
        let tenant = self.world.read();
        let mut paths = BTreeSet::from(["/Staff".to_owned()]);
        paths.extend(tenant.users.iter().map(|row| unit_path(&tenant, row)));
        paths.remove("/");
        if !below.is_empty() && !paths.contains(below) {
            return Err(ApiError::not_found("orgUnitPath"));
        }
        let rows: Vec<Value> = paths
            .iter()
            .filter(|path| {
                let Some(rest) = path.strip_prefix(below) else { return false };
                match which {
                    Some("allIncludingParent") => rest.is_empty() || rest.starts_with('/'),
                    Some("all") => rest.starts_with('/'),
                    _ => rest.starts_with('/') && !rest[1..].contains('/'),
                }
            })
            .map(|path| self.org_unit(path))
            .collect();
        let mut body =
            json!({"kind": "admin#directory#orgUnits", "etag": etag(1, rows.len() as u64)});
        if !rows.is_empty() {
            body["organizationUnits"] = json!(rows);
        }
        mask.prune(&mut body);
        Ok(body.to_string().into_bytes())
    }

    fn org_unit(&self, path: &str) -> Value {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = if parent.is_empty() { "/" } else { parent };
        let id = |path: &str| {
            format!("id:03ph8a2z{:09x}", (hash_bytes(path.as_bytes()) ^ self.world.seed) >> 28)
        };
        json!({
            "kind": "admin#directory#orgUnit",
            "etag": etag(hash_bytes(path.as_bytes()), 0),
            "name": name,
            "description": "",
            "orgUnitPath": path,
            "orgUnitId": id(path),
            "parentOrgUnitPath": parent,
            "parentOrgUnitId": id(parent),
        })
    }
}

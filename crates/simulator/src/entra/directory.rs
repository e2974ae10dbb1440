//! The bin and the organisation.
//!
//! Invariant: the bin holds what can still be restored and nothing else.

use std::sync::Arc;

use super::error::GraphError;
use super::members::ObjectStyle;
use super::property::{
    GROUP_DEFAULT, GroupProperty, Scope, USER_DEFAULT, UserProperty, select_groups, select_objects,
    select_users,
};
use super::query::Query;
use super::route::Noun;
use super::token::Claims;
use super::{DOMAIN, Entra, INITIAL_DOMAIN};
use crate::exchange::Call;
use crate::tenant::{Life, Member};

impl Entra {
    /// `GET /directory/deletedItems/microsoft.graph.user` and `…group`.
    pub(super) fn deleted(
        &self,
        noun: Noun,
        query: &Query,
        call: &Call,
        claims: &Arc<Claims>,
    ) -> Result<Vec<u8>, GraphError> {
        match noun {
            Noun::Users => select_users(query.select.as_deref(), Scope::Many)?,
            Noun::Groups => select_groups(query.select.as_deref())?,
        };
        let masks = deleted_masks(query)?;
        let tenant = self.world.read();
        let count = match noun {
            Noun::Users => tenant.users.len(),
            Noun::Groups => tenant.groups.len(),
        };
        let binned: Vec<Member> = (0..count as u32)
            .map(|at| match noun {
                Noun::Users => Member::User(at),
                Noun::Groups => Member::Group(at),
            })
            .filter(|object| tenant.life(*object) == Life::Binned)
            .collect();
        let style = ObjectStyle::new(masks, claims);
        self.object_page(&tenant, (&binned, &style), query, call)
    }

    /// `GET /organization`.
    pub(super) fn organization(&self, call: &Call) -> Vec<u8> {
        let domain = |name: &str, initial: bool| {
            serde_json::json!({
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": !initial, "isInitial": initial, "name": name, "type": "Managed",
            })
        };
        let body = serde_json::json!({
            "@odata.context": format!("{}/v1.0/$metadata#organization", call.base),
            "value": [{
                "id": self.app.tenant_id.to_string(),
                "displayName": "Contoso",
                "createdDateTime": "2016-01-04T09:00:00Z",
                "countryLetterCode": "DE",
                "tenantType": match self.kind {
                    crate::TenantKind::Workforce => "AAD",
                    crate::TenantKind::B2c => "AAD B2C",
                    crate::TenantKind::External => "CIAM",
                },
                "onPremisesSyncEnabled": true,
                "technicalNotificationMails": [format!("it@{DOMAIN}")],
                "verifiedDomains": [domain(DOMAIN, false), domain(INITIAL_DOMAIN, true)],
            }],
        });
        body.to_string().into_bytes()
    }
}

/// The selection for objects in the bin: without one, when they were deleted comes along.
pub(super) fn deleted_masks(query: &Query) -> Result<(u64, u64), GraphError> {
    let masks = match &query.select {
        Some(select) => select_objects(Some(select))?,
        None => (USER_DEFAULT | UserProperty::DeletedDateTime.bit(), GROUP_DEFAULT),
    };
    Ok((masks.0 | UserProperty::Id.bit(), masks.1 | GroupProperty::Id.bit()))
}

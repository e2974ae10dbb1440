//! Groups that products know by name from their installation, and hang permissions on.
//!
//! Invariant: the list is data with a source for each name; names are in lower case. It says which of them administer:
//! whoever joins those gains power, while the rest only give access.

use std::sync::LazyLock;

use hashbrown::HashMap;

use crate::lookalike::deceptive;

/// What a built-in group gives to its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// Access to the product.
    Use,
    /// Administration of the product.
    Administration,
}

/// A group that a product knows from its installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// The product.
    pub product: &'static str,
    /// What its members may do.
    pub power: Power,
    /// The vendor's page, or `by custom`.
    pub source: &'static str,
}

const JIRA: &str = "https://confluence.atlassian.com/display/ADMINJIRASERVER086/Managing+groups";
const JIRA_6: &str = "https://confluence.atlassian.com/display/JIRA064/Managing+Groups";
const CONFLUENCE: &str =
    "https://confluence.atlassian.com/spaces/CONF20/pages/59806023/Users+and+Groups";
const BITBUCKET: &str = "https://confluence.atlassian.com/display/STASH0310/Connecting+Stash+to+JIRA+for+user+management";
const BAMBOO: &str = "https://confluence.atlassian.com/display/BAMBOO055/Users+and+permissions";
const CROWD: &str =
    "https://confluence.atlassian.com/display/CROWD/Granting+Crowd+Administration+Rights+to+a+User";
/// Groups of sites that moved here from the vendor's cloud keep these names.
const CLOUD: &str =
    "https://support.atlassian.com/user-management/docs/default-groups-and-permissions/";

/// No page of the vendor's lists the name; it follows the vendor's pattern, and many installations have it.
const BY_CUSTOM: &str = "by custom";

/// All of them.
pub const BUILT_IN: &[BuiltIn] = &[
    administers("jira-administrators", "Jira", JIRA),
    administers("jira-system-administrators", "Jira", BY_CUSTOM),
    administers("jira-admins", "Jira", BY_CUSTOM),
    uses("jira-users", "Jira", JIRA_6),
    uses("jira-developers", "Jira", JIRA_6),
    uses("jira-core-users", "Jira Core", JIRA),
    uses("jira-software-users", "Jira Software", JIRA),
    uses("jira-servicedesk-users", "Jira Service Management", JIRA),
    uses("jira-servicemanagement-users", "Jira Service Management", CLOUD),
    uses("jira-product-discovery-users", "Jira Product Discovery", CLOUD),
    administers("confluence-administrators", "Confluence", CONFLUENCE),
    administers("confluence-admins", "Confluence", BY_CUSTOM),
    uses("confluence-users", "Confluence", CONFLUENCE),
    administers("stash-administrators", "Bitbucket", BITBUCKET),
    administers("bitbucket-administrators", "Bitbucket", BY_CUSTOM),
    administers("bitbucket-system-administrators", "Bitbucket", BY_CUSTOM),
    uses("stash-users", "Bitbucket", BITBUCKET),
    uses("bitbucket-users", "Bitbucket", BY_CUSTOM),
    administers("bamboo-admin", "Bamboo", BAMBOO),
    administers("bamboo-administrators", "Bamboo", BY_CUSTOM),
    uses("bamboo-users", "Bamboo", BY_CUSTOM),
    administers("crowd-administrators", "Crowd", CROWD),
    uses("crowd-users", "Crowd", BY_CUSTOM),
    administers("fisheye-administrators", "Fisheye", BY_CUSTOM),
    uses("fisheye-users", "Fisheye", BY_CUSTOM),
    administers("administrators", "all products", CLOUD),
    administers("site-admins", "all products", CLOUD),
    administers("system-administrators", "all products", CLOUD),
];

const fn administers(name: &'static str, product: &'static str, source: &'static str) -> BuiltIn {
    BuiltIn { name, product, power: Power::Administration, source }
}

const fn uses(name: &'static str, product: &'static str, source: &'static str) -> BuiltIn {
    BuiltIn { name, product, power: Power::Use, source }
}

/// By each of the forms under which a name deceives.
static FORMS: LazyLock<HashMap<String, usize>> = LazyLock::new(|| {
    let forms = |(at, group): (usize, &BuiltIn)| deceptive(group.name).map(|form| (form, at));
    BUILT_IN.iter().enumerate().flat_map(forms).collect()
});

/// The built-in group that a name is, or is taken for.
pub fn built_in(name: &str) -> Option<&'static BuiltIn> {
    deceptive(name).iter().find_map(|form| FORMS.get(form)).map(|at| &BUILT_IN[*at])
}

//! Where the values are typed in each product: menu names of 2026, with those that an administrator may know.
//!
//! Sources: the vendors' administration guides, and `protocols/crowd.md` section 6.

/// What stands beside a field's name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    /// The server's address with `/crowd`.
    Url,
    Name,
    Password,
    Fixed(&'static str),
}

/// A product.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    /// Where its form is.
    pub(super) menu: &'static [&'static str],
    /// What older versions call that place.
    pub(super) older: &'static str,
    pub(super) fields: &'static [(&'static str, Value)],
    pub(super) then: &'static str,
    /// Lines of a configuration file, where the product has no form.
    pub(super) snippet: Option<&'static str>,
}

const ATLASSIAN: &[(&str, Value)] = &[
    ("Name", Value::Fixed("Muster")),
    ("Server URL", Value::Url),
    ("Application name", Value::Name),
    ("Application password", Value::Password),
    ("Crowd permissions", Value::Fixed("Read Only")),
    ("Enable nested groups", Value::Fixed("leave unticked, unless you tick it here too")),
    ("Enable incremental synchronisation", Value::Fixed("ticked")),
    ("Synchronisation interval (minutes)", Value::Fixed("5")),
];

const PLAIN: &[(&str, Value)] = &[
    ("Crowd URL", Value::Url),
    ("Application name", Value::Name),
    ("Application password", Value::Password),
];

const TEST: &str = "Press Test Settings, then Save and Test. The first synchronisation begins by itself; move the new \
                    directory to the place in the list that it should have.";

/// The products, in the order in which they are offered.
pub(super) const PRODUCTS: [Product; 9] = [
    Product {
        key: "jira",
        name: "Jira",
        menu: &[
            "Administration (cog)",
            "User management",
            "User Directories",
            "Add Directory",
            "Atlassian Crowd",
        ],
        older: "Jira 6 and before: Administration > Users > User Directories",
        fields: ATLASSIAN,
        then: TEST,
        snippet: None,
    },
    Product {
        key: "confluence",
        name: "Confluence",
        menu: &[
            "Administration (cog)",
            "General configuration",
            "User directories",
            "Add Directory",
            "Atlassian Crowd",
        ],
        older: "before version 7: Confluence Admin > Users & Security > User Directories",
        fields: ATLASSIAN,
        then: TEST,
        snippet: None,
    },
    Product {
        key: "bitbucket",
        name: "Bitbucket",
        menu: &[
            "Administration (cog)",
            "Accounts",
            "User directories",
            "Add directory",
            "Atlassian Crowd",
        ],
        older: "called Stash before version 4",
        fields: ATLASSIAN,
        then: TEST,
        snippet: None,
    },
    Product {
        key: "bamboo",
        name: "Bamboo",
        menu: &[
            "Administration (cog)",
            "Overview",
            "Security",
            "User directories",
            "Add Directory",
            "Atlassian Crowd",
        ],
        older: "before version 6: Administration > Security > User repositories",
        fields: ATLASSIAN,
        then: TEST,
        snippet: None,
    },
    Product {
        key: "fisheye",
        name: "Fisheye / Crucible",
        menu: &[
            "Administration",
            "User Settings",
            "User Directories",
            "Add Directory",
            "Atlassian Crowd",
        ],
        older: "before version 4: Administration > Security Settings > Authentication > JIRA/Crowd",
        fields: ATLASSIAN,
        then: TEST,
        snippet: None,
    },
    Product {
        key: "jenkins",
        name: "Jenkins",
        menu: &["Manage Jenkins", "Security", "Security Realm", "Crowd 2"],
        older: "needs the plugin Crowd 2; before 2.4 the menu is Configure Global Security",
        fields: PLAIN,
        then: "Press Check connection, then Save. Keep a way to sign in as an administrator until you have seen that it works.",
        snippet: None,
    },
    Product {
        key: "gitlab",
        name: "GitLab",
        menu: &["/etc/gitlab/gitlab.rb", "gitlab-ctl reconfigure"],
        older: "for an installation from source: config/gitlab.yml",
        fields: PLAIN,
        then: "Run gitlab-ctl reconfigure; the sign-in page then has a tab Crowd.",
        snippet: Some(
            "gitlab_rails['omniauth_providers'] = [\n  {\n    name: \"crowd\",\n    args: {\n      crowd_server_url: \
             \"{url}\",\n      application_name: \"{name}\",\n      application_password: \"{password}\"\n    }\n  }\n]",
        ),
    },
    Product {
        key: "nexus",
        name: "Nexus Repository",
        menu: &["Administration (cog)", "Security", "Atlassian Crowd"],
        older: "Nexus Repository 2: Administration > Crowd Configuration",
        fields: &[
            ("Enable Crowd", Value::Fixed("ticked")),
            ("Crowd Server URL", Value::Url),
            ("Application Name", Value::Name),
            ("Application Password", Value::Password),
        ],
        then: "Press Verify connection, then Save; then put the Crowd realm among the active ones under Security > Realms.",
        snippet: None,
    },
    Product {
        key: "other",
        name: "Something else",
        menu: &["its settings for an Atlassian Crowd server"],
        older: "",
        fields: &[
            ("Server or base URL", Value::Url),
            ("Application name", Value::Name),
            ("Application password", Value::Password),
        ],
        then: "Whatever speaks the Crowd REST API can read from here: /rest/usermanagement/1/ below the URL.",
        snippet: None,
    },
];

/// A product by its key; something else when it is not known.
pub(super) fn named(key: &str) -> &'static Product {
    let found = PRODUCTS.iter().find(|product| product.key == key);
    found.unwrap_or(&PRODUCTS[PRODUCTS.len() - 1])
}

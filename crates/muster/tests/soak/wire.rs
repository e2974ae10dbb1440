//! What is odd on the wire: wrong types, broken texts and unusable ids, in every position of users, groups, members, changes,
//! answers of batches and entries of logs.
//!
//! Invariant: an oddity that is told in one place only never says something else that is valid, since then the provider would
//! say two things, and reading changes would rightly come to another end than reading everything.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use simulator::{Oddity, Provider};

use crate::odd::{HUGE, Odd};

/// Raw JSON that is hardly what a field should have.
const RAW: [&str; 32] = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "7.5",
    "1e99",
    "123456789012345678901234567890",
    "[]",
    "{}",
    "[null]",
    "[[]]",
    "[{}]",
    "[\"x\",7,{}]",
    "[{\"value\":7,\"type\":\"organization\",\"primary\":\"yes\"}]",
    "[{\"value\":\"7\",\"type\":null,\"department\":[],\"languageCode\":{}}]",
    "{\"a\":[1]}",
    "{\"givenName\":7,\"displayName\":[],\"fullName\":null,\"familyName\":\"\\udfff\"}",
    "\"\"",
    "\" \"",
    "\"\\ud83d\"",
    "\"\\udc00x\"",
    "\"\\ud800\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"\\u0000\"",
    "\"\\u202eabc\"",
    "\"\\ufeff\"",
    "\"\\x\"",
    "\"a\u{1}b\"",
    "\"a\nb\"",
    "\"not a date\"",
    "\"2999-99-99T99:99:99Z\"",
];
/// Raw JSON in the place of an object.
const INSTEAD: [&str; 6] = ["null", "7", "\"x\"", "[]", "{}", "true"];
/// Raw JSON that is no usable id.
const NO_ID: [&str; 12] = [
    "null",
    "7",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\" \"",
    "\"..\"",
    "\"a/b\"",
    "\"a b\"",
    "\"\\ud83d\"",
    "\"\u{e9}\"",
];
/// Raw JSON that is neither a text nor a truth value, nor absent.
const NO_VALUE: [&str; 6] = ["0", "-1.5", "[]", "{}", "[null]", "[\"x\"]"];

/// Every field that is read of a person.
fn user_fields(provider: Provider) -> &'static [&'static str] {
    match provider {
        Provider::Entra => &[
            "userPrincipalName",
            "accountEnabled",
            "userType",
            "externalUserState",
            "displayName",
            "givenName",
            "surname",
            "mail",
            "otherMails",
            "proxyAddresses",
            "employeeId",
            "department",
            "jobTitle",
            "companyName",
            "officeLocation",
            "mobilePhone",
            "preferredLanguage",
            "mailNickname",
            "onPremisesSamAccountName",
            "onPremisesUserPrincipalName",
            "onPremisesImmutableId",
            "createdDateTime",
        ],
        Provider::Google => &[
            "primaryEmail",
            "suspended",
            "archived",
            "isGuestUser",
            "name",
            "name.givenName",
            "name.familyName",
            "name.fullName",
            "name.displayName",
            "orgUnitPath",
            "aliases",
            "externalIds",
            "organizations",
            "phones",
            "languages",
            "creationTime",
        ],
        Provider::Okta => &[
            "status",
            "created",
            "lastUpdated",
            "profile",
            "profile.login",
            "profile.email",
            "profile.secondEmail",
            "profile.firstName",
            "profile.lastName",
            "profile.displayName",
            "profile.employeeNumber",
            "profile.department",
            "profile.title",
            "profile.organization",
            "profile.mobilePhone",
            "profile.preferredLanguage",
        ],
    }
}

/// Every field that is read of a group.
fn group_fields(provider: Provider) -> &'static [&'static str] {
    match provider {
        Provider::Entra => &[
            "displayName",
            "description",
            "mail",
            "mailNickname",
            "mailEnabled",
            "securityEnabled",
            "groupTypes",
            "visibility",
            "onPremisesSamAccountName",
            "createdDateTime",
        ],
        Provider::Google => &["email", "name", "description", "directMembersCount", "etag"],
        Provider::Okta => &[
            "type",
            "created",
            "lastUpdated",
            "lastMembershipUpdated",
            "profile",
            "profile.name",
            "profile.description",
            "profile.samAccountName",
        ],
    }
}

/// A field whose text names somebody or something.
fn naming_field(provider: Provider, is_user: bool) -> &'static str {
    match (provider, is_user) {
        (Provider::Entra, true) => "userPrincipalName",
        (Provider::Google, true) => "primaryEmail",
        (Provider::Okta, true) => "profile.login",
        (Provider::Entra, false) => "displayName",
        (Provider::Google, false) => "name",
        (Provider::Okta, false) => "profile.name",
    }
}

fn of(id: &str) -> Oddity {
    Oddity { id: Some(id.to_owned()), ..Oddity::default() }
}

fn one(field: &str, raw: impl Into<String>) -> BTreeMap<String, String> {
    BTreeMap::from([(field.to_owned(), raw.into())])
}

impl Odd {
    /// An object whose record is odd wherever it is shown.
    pub(crate) fn record(&mut self, id: &str, is_user: bool) -> Oddity {
        self.records += 1;
        let fields = if is_user { user_fields(self.provider) } else { group_fields(self.provider) };
        let field = self.one_of(fields);
        let raw = self.one_of(&RAW);
        let oddity = of(id);
        match self.roll(12) {
            0 => Oddity { remove: vec![field.to_owned()], ..oddity },
            1 => Oddity { add: one(field, raw), ..oddity },
            2 => Oddity { set: one("id", self.one_of(&NO_ID)), ..oddity },
            3 => Oddity { instead: Some(self.one_of(&INSTEAD).to_owned()), ..oddity },
            4 => {
                let bytes = [b"\"a\xff", &[0xc0, 0x80, 0xed, 0xa0, 0x80][..], b"\""].concat();
                let set_base64 = one(field, STANDARD.encode(bytes));
                Oddity { set_base64, ..oddity }
            }
            5 => Oddity { set: one(field, json!(self.long_text()).to_string()), ..oddity },
            6 => {
                let name = naming_field(self.provider, is_user);
                Oddity { set: one(name, json!(self.long_text()).to_string()), ..oddity }
            }
            7 => {
                let deep = "[".repeat(200) + &"]".repeat(200);
                Oddity { set: one(field, deep), ..oddity }
            }
            8 => {
                let set = (0..4).map(|_| (self.one_of(fields), self.one_of(&RAW)));
                let set = set.map(|(field, raw)| (field.to_owned(), raw.to_owned())).collect();
                Oddity { set, ..oddity }
            }
            _ => Oddity { set: one(field, raw), ..oddity },
        }
    }

    /// Somebody or something that is odd only in one kind of answer: lists of members, changes, answers of a batch.
    pub(crate) fn passage(&mut self, id: &str, is_user: bool) -> Oddity {
        self.records += 1;
        let members = match self.provider {
            Provider::Okta => r"/groups/[^/]+/users",
            _ => r"/groups/[^/]+/(members|memberOf|transitiveMembers)",
        };
        let kind = match self.provider {
            Provider::Entra => "@odata.type",
            Provider::Google => "type",
            Provider::Okta => "id",
        };
        let instead = self.one_of(&INSTEAD).to_owned();
        let (route, set) = match self.roll(4) {
            0 => (members, one("id", self.one_of(&NO_ID))),
            1 => (members, one(kind, self.one_of(&NO_VALUE))),
            2 => {
                return Oddity {
                    route: Some(members.to_owned()),
                    instead: Some(instead),
                    ..of(id)
                };
            }
            _ => (r"/delta\b", self.change(is_user)),
        };
        Oddity { route: Some(route.to_owned()), set, ..of(id) }
    }

    /// What is odd about an object among Entra's changes, the only list of such.
    fn change(&mut self, is_user: bool) -> BTreeMap<String, String> {
        match self.roll(if is_user { 3 } else { 5 }) {
            0 => one("@removed", self.one_of(&["true", "7", "[]", "\"deleted\"", "[{}]"])),
            1 => one("id", self.one_of(&NO_ID)),
            2 => one(naming_field(self.provider, is_user), self.one_of(&NO_VALUE)),
            3 => one("members@delta", self.one_of(&["null", "7", "{}", "\"x\"", "true"])),
            _ => one(
                "members@delta",
                self.one_of(&[
                    "[null]",
                    "[7]",
                    "[{}]",
                    "[{\"id\":null}]",
                    "[{\"@odata.type\":7,\"id\":\"x\"}]",
                    "[{\"@odata.type\":\"#microsoft.graph.user\",\"id\":\"..\"}]",
                ]),
            ),
        }
    }

    /// Answers in batches, entries of logs and pages that are odd, whomever they are about.
    pub(crate) fn answers(&mut self) -> Vec<Oddity> {
        let raw = self.one_of(&RAW);
        let about = |id: &str, key: Option<&str>, route: &str, set| Oddity {
            id: Some(id.to_owned()),
            key: key.map(str::to_owned),
            route: Some(route.to_owned()),
            set,
            ..Oddity::default()
        };
        let page = |route: &str, field: &str| Oddity {
            route: Some(route.to_owned()),
            set: one(field, raw),
            ..Oddity::default()
        };
        self.records += 1;
        match self.provider {
            Provider::Entra => {
                let number = self.roll(8).to_string();
                let field = self.one_of(&["headers", "body", "status", "id"]);
                vec![
                    about(&number, None, r"\$batch$", one(field, self.one_of(&NO_VALUE))),
                    page("/(users|groups|members)", "@odata.context"),
                    page("/(users|groups|members)", "@odata.count"),
                ]
            }
            Provider::Google => {
                let event = self.one_of(&[
                    "ADD_GROUP_MEMBER",
                    "REMOVE_GROUP_MEMBER",
                    "add_member",
                    "GROUP_EMAIL",
                    "USER_EMAIL",
                    "group_id",
                ]);
                let field = self.one_of(&["name", "parameters", "value"]);
                vec![
                    about(event, Some("name"), "/activity/", one(field, raw)),
                    page("/(users|groups|members)", "kind"),
                    page("/(users|groups|members)", "etag"),
                ]
            }
            Provider::Okta => {
                let event = self.one_of(&[
                    "group.user_membership.add",
                    "group.user_membership.remove",
                    "user.lifecycle.delete.completed",
                    "user.account.update_profile",
                ]);
                let field = self.one_of(&["target", "eventType", "uuid", "published", "outcome"]);
                vec![about(event, Some("eventType"), "/logs", one(field, raw))]
            }
        }
    }

    /// Two people, or two groups, with one id: the provider says two things of one.
    pub(crate) fn twice(&mut self, one_: &str, other: &str) -> Oddity {
        self.records += 1;
        Oddity { set: one("id", json!(other).to_string()), ..of(one_) }
    }

    /// Two objects of one name, as no vendor's own checks would let them be.
    pub(crate) fn same_name(&mut self, one_: &str, other: &str, is_user: bool) -> Vec<Oddity> {
        self.records += 2;
        let (first, second) = if self.once_in(4) {
            let long = self.text();
            (long.repeat(1 + HUGE / 50 / long.len().max(1)), long)
        } else {
            self.pair()
        };
        let field = naming_field(self.provider, is_user);
        let all = [(one_, first), (other, second)];
        let all =
            all.map(|(id, name)| Oddity { set: one(field, json!(name).to_string()), ..of(id) });
        all.into()
    }
}

//! Which tenant settings mean, whatever credential and scope they name.
//!
//! Invariants: sends nothing; settings of one tenant give one text, as far as that can be known without asking.

use std::collections::BTreeMap;

/// A text that stands for the tenant: of Entra the tenant's id or domain, of Google the domain of the administrator,
/// of Okta the organisation's address. Empty when the settings do not say.
pub fn tenant_of(provider: &str, settings: &BTreeMap<String, String>) -> String {
    let get = |key: &str| settings.get(key).map(|text| text.trim().to_lowercase());
    let tenant = match provider {
        "entra" => get("tenant"),
        "google" => get("subject").map(|subject| {
            let (_, domain) = subject.rsplit_once('@').unwrap_or(("", &subject));
            domain.to_owned()
        }),
        "okta" => get("url").map(|url| {
            let address = url.split_once("://").map_or(url.as_str(), |(_, address)| address);
            let host = address.split(['/', '?', '#']).next().unwrap_or_default();
            host.strip_suffix(":443").unwrap_or(host).to_owned()
        }),
        _ => None,
    };
    tenant.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tenant_has_one_text_however_it_is_spelled() {
        let of = |provider: &str, key: &str, value: &str| {
            tenant_of(provider, &[(key.to_owned(), value.to_owned())].into())
        };
        for (provider, key, spellings, tenant) in [
            (
                "entra",
                "tenant",
                ["Contoso.onmicrosoft.com", " contoso.onmicrosoft.com "],
                "contoso.onmicrosoft.com",
            ),
            ("google", "subject", ["admin@Example.com", "other@example.com"], "example.com"),
            (
                "okta",
                "url",
                ["https://Example.okta.com/", "example.okta.com:443/app?x#y"],
                "example.okta.com",
            ),
        ] {
            for spelled in spellings {
                assert_eq!(of(provider, key, spelled), tenant, "{provider} {spelled}");
            }
        }
        assert_eq!(of("okta", "url", "http://127.0.0.1:8096/okta"), "127.0.0.1:8096");
        assert_eq!(of("entra", "client_id", "x"), "");
        assert_eq!(of("ldap", "url", "x"), "");
    }
}

//! The first part of the keys by which products know a directory's users.
//!
//! Invariants: it belongs to the tenant, not to the server: the same tenant has it again after it was removed, or on
//! another server; two directories of one tenant have two; it never changes while the directory is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::Context as _;
use connect::tenant_of;
use directory::name::fold;
use sha2::{Digest as _, Sha256};
use store::{KeptKey, NewConnection};

use crate::app::App;

/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 40;
/// Directories of one tenant that are told apart.
const OF_ONE_TENANT_MAX: usize = 10_000;

/// How long the login host may take to tell a tenant's id.
const ASKING_MAX: Duration = Duration::from_secs(5);

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be a key: it has 1 to {KEY_BYTES_MAX} letters a to z, digits and hyphens")]
pub struct InvalidKey(String);

/// Checks a key that somebody names.
///
/// # Errors
/// When it cannot stand in front of a colon in every product.
pub fn checked(key: &str) -> Result<String, InvalidKey> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let usable = (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(fits);
    if usable { Ok(key.to_owned()) } else { Err(InvalidKey(key.to_owned())) }
}

/// The key of a directory that is to be connected.
///
/// # Errors
/// When the store cannot be read.
pub async fn of_new(app: &App, new: &NewConnection) -> anyhow::Result<String> {
    let tenant = tenant(app, &new.provider, &new.settings).await;
    let (in_use, kept) = app
        .blocking(|store| {
            let rows = store.connections()?;
            let in_use: BTreeSet<String> = rows.into_iter().map(|row| row.key).collect();
            Ok((in_use, store.kept_keys()?))
        })
        .await?;
    let mut of_tenant = Vec::new();
    for known in kept {
        if known.provider == new.provider
            && tenant == self::tenant(app, &known.provider, &known.settings).await
        {
            of_tenant.push(known);
        }
    }
    choose((&new.provider, &tenant), &new.name, (&in_use, &of_tenant))
        .context("there are too many directories of this tenant")
}

/// Which tenant settings mean: of Entra its id, so that it is the same whether they name the id or a domain. When
/// nobody answers, the domain stands for itself.
async fn tenant(app: &App, provider: &str, settings: &BTreeMap<String, String>) -> String {
    let tenant = tenant_of(provider, settings);
    if provider != "entra" || tenant.is_empty() || uuid::Uuid::try_parse(&tenant).is_ok() {
        return tenant;
    }
    let asking = connect::entra_tenant_id(settings, app.surroundings());
    match tokio::time::timeout(ASKING_MAX, asking).await {
        Ok(Ok(id)) => id,
        Ok(Err(_)) | Err(_) => tenant,
    }
}

/// The key: of those that removed directories of this tenant had, that of the same name, else the one of the directory
/// that was connected first; else the first of the tenant's own that no directory has or had.
fn choose(
    (provider, tenant): (&str, &str),
    name: &str,
    (in_use, of_tenant): (&BTreeSet<String>, &[KeptKey]),
) -> Option<String> {
    let named = of_tenant.iter().find(|known| *known.folded_name == *fold(name));
    if let Some(known) = named.or(of_tenant.first()) {
        return Some(known.key.clone());
    }
    (0..OF_ONE_TENANT_MAX)
        .map(|nth| derived(provider, tenant, nth))
        .find(|key| !in_use.contains(key))
}

/// The key of a tenant's nth directory: 12 hexadecimal digits, more than any number of a directory has.
fn derived(provider: &str, tenant: &str, nth: usize) -> String {
    use std::fmt::Write;
    let hash = Sha256::digest(format!("muster directory key 1\n{provider}\n{tenant}\n{nth}"));
    let mut key = String::with_capacity(12);
    for byte in &hash[..6] {
        write!(key, "{byte:02x}").expect("writing to a string does not fail");
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(key: &str, name: &str) -> KeptKey {
        KeptKey {
            key: key.to_owned(),
            provider: "entra".to_owned(),
            settings: [("tenant".to_owned(), "t".to_owned())].into(),
            folded_name: name.to_owned(),
        }
    }

    #[test]
    fn a_tenant_has_its_keys_whatever_server_it_is_connected_to() {
        let choose = |tenant: &str, name: &str, in_use: &[&str], kept: &[KeptKey]| {
            let in_use: BTreeSet<String> = in_use.iter().map(|key| (*key).to_owned()).collect();
            super::choose(("entra", tenant), name, (&in_use, kept)).unwrap()
        };
        let first = choose("t", "contoso", &[], &[]);
        assert_eq!(first, "cb6a8eb66fc0");
        assert_eq!(choose("t", "another name", &["7"], &[]), first);
        assert_ne!(choose("u", "contoso", &[], &[]), first);
        // A second directory of the tenant.
        let second = choose("t", "second", &[&first], &[]);
        assert_ne!(second, first);
        assert_eq!(choose("t", "second", &[&first, "1"], &[]), second);
        // Connected again: by its name, else in the order of before; numbers of older versions too.
        let removed = [kept("1", "contoso"), kept(&second, "second")];
        assert_eq!(choose("t", "Second", &[], &removed), second);
        assert_eq!(choose("t", "contoso", &[], &removed), "1");
        assert_eq!(choose("t", "renamed", &[], &removed), "1");
        assert_eq!(choose("t", "renamed", &["1"], &removed[1..]), second);
    }

    #[test]
    fn keys_that_are_given_are_checked() {
        for good in ["1", "4294967295", "b1a2c3d4e5f6", "contoso-1"] {
            assert_eq!(checked(good).unwrap(), good);
        }
        for bad in ["", "a:b", "A", "ä", "a b", "a/b", &"x".repeat(41)] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }
}

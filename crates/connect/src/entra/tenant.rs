//! What the login host says of a tenant to anybody who asks: for whoever knows a domain and needs the id.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;

use super::{SPEED, catalogue, settings::Settings};
use crate::{
    Surroundings,
    error::{ConnectError, Kind},
    http::{Http, Setback},
    progress::Progress,
};

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
}

/// The login host of the cloud that the settings name, without a slash at the end.
///
/// # Errors
/// When a setting cannot be used.
pub fn entra_authority(settings: &BTreeMap<String, String>) -> Result<String, ConnectError> {
    let mut settings = settings.clone();
    // The cloud does not depend on these.
    settings.entry("tenant".to_owned()).or_insert_with(|| "tenant".to_owned());
    settings.entry("client_id".to_owned()).or_insert_with(|| "client".to_owned());
    let settings = Settings::read(&settings)?;
    Ok(settings.authority.as_str().trim_end_matches('/').to_owned())
}

/// The id of the tenant that the setting `tenant` names, by id or by a verified domain; asks without a credential.
///
/// # Errors
/// When there is no such tenant in that cloud, or the login host cannot be asked.
pub async fn entra_tenant_id(
    settings: &BTreeMap<String, String>,
    surroundings: Surroundings,
) -> Result<String, ConnectError> {
    let mut settings = settings.clone();
    settings.entry("client_id".to_owned()).or_insert_with(|| "client".to_owned());
    let settings = Settings::read(&settings)?;
    let http = Http::new("Microsoft", surroundings, &settings.authority, SPEED)?;
    let authority = settings.authority.as_str().trim_end_matches('/');
    let url = format!("{authority}/{}/v2.0/.well-known/openid-configuration", settings.tenant);
    let answer = http.once(&Progress::default(), http.request(Method::GET, &url)).await?;
    if !answer.status.is_success() || answer.is_page() {
        return Err(match catalogue::login(&answer, http.now()) {
            Setback::Failed(error, _) | Setback::Unauthorised(error) => error,
            Setback::Throttled(_) => {
                let text = "the login host asks us to slow down; try again in a minute";
                ConnectError::new(Kind::Temporary, "N-429", text)
            }
        });
    }
    let unclear = || {
        let text = "the login host's answer does not tell the tenant's id; give the id from the Overview page";
        ConnectError::new(Kind::Protocol, None, text)
    };
    let discovery: Discovery = serde_json::from_slice(&answer.body).map_err(|_| unclear())?;
    // The issuer is the login host, the tenant's id and the version.
    let id = discovery.issuer.split('/').find(|part| is_guid(part));
    id.map(str::to_ascii_lowercase).ok_or_else(unclear)
}

/// Whether a text has the form of an id.
fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_clouds_are_told_apart() {
        assert!(is_guid("d63a06d6-99a9-40a5-b18c-0d0104987832") && !is_guid("login.microsoft.com"));
        let authority = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            entra_authority(&pairs.collect())
        };
        assert_eq!(authority(&[]).unwrap(), "https://login.microsoftonline.com");
        let government = authority(&[("cloud", "us_gov")]).unwrap();
        assert_eq!(government, "https://login.microsoftonline.us");
        assert!(authority(&[("cloud", "moon")]).is_err());
    }
}

//! Clients that download what a first synchronisation downloads, and drop it: the yardstick.
//!
//! The same requests with the same concurrency and gzip as the connectors, bodies parsed. They wait when they are
//! told to, but do not keep to a quota by themselves.

use std::time::Duration;

use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::{Response, header};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

const ENTRA_USERS: &str = "users?$select=id,userPrincipalName,accountEnabled,userType,externalUserState,\
    displayName,givenName,surname,mail,otherMails,proxyAddresses,employeeId,department,jobTitle,companyName,\
    officeLocation,mobilePhone,preferredLanguage,mailNickname,onPremisesSamAccountName,\
    onPremisesUserPrincipalName,onPremisesImmutableId,createdDateTime&$top=999";
const ENTRA_GROUPS: &str = "groups?$select=id,displayName,description,mail,mailNickname,mailEnabled,\
    securityEnabled,groupTypes,visibility,onPremisesSamAccountName,createdDateTime&$top=999";
const GOOGLE_USERS: &str = "users?customer=my_customer&maxResults=500&orderBy=email&projection=basic\
    &fields=nextPageToken,users(id,primaryEmail,name(givenName,familyName,fullName,displayName),suspended,archived,\
    isGuestUser,orgUnitPath,aliases,externalIds,organizations,phones,languages,creationTime)";
const GOOGLE_GROUPS: &str = "groups?customer=my_customer&maxResults=200\
    &fields=nextPageToken,groups(id,email,name,description,directMembersCount,etag)";
const OKTA_USERS: &str = "users?limit=200&fields=id,status,created,lastUpdated,profile:(login,email,secondEmail,\
    firstName,lastName,displayName,employeeNumber,department,title,organization,mobilePhone,preferredLanguage)";

/// How a vendor leads on to the next page.
#[derive(Clone, Copy)]
enum Style {
    /// A link in the body.
    Graph,
    /// A token in the body.
    Google,
    /// A header, and an array as the body.
    Okta,
}

/// A page, in any vendor's shape but Okta's.
#[derive(Deserialize)]
struct Page<T> {
    #[serde(rename = "@odata.nextLink")]
    link: Option<String>,
    #[serde(rename = "nextPageToken")]
    token: Option<String>,
    #[serde(alias = "users", alias = "groups", alias = "members", default = "Vec::new")]
    value: Vec<T>,
}

#[derive(Deserialize)]
struct WithId {
    id: String,
}

/// A client that is logged in.
pub(crate) struct Bare {
    http: reqwest::Client,
    authorization: String,
    base: String,
    style: Style,
}

impl Bare {
    /// Logs in to the simulated tenant that `reach` describes.
    pub(crate) async fn log_in(provider: &str, reach: &Value) -> Self {
        let http = connect::http::local_client().unwrap();
        let text = |key: &str| reach[key].as_str().unwrap();
        let (authorization, base, style) = match provider {
            "entra" => {
                let url = format!("{}/{}/oauth2/v2.0/token", text("authority"), text("tenant"));
                let scope = format!("{}/.default", text("graph"));
                let form = [
                    ("client_id", text("client_id")),
                    ("client_secret", text("client_secret")),
                    ("scope", &scope),
                    ("grant_type", "client_credentials"),
                ];
                let token = token(http.post(url).form(&form)).await;
                (token, format!("{}/v1.0", text("graph")), Style::Graph)
            }
            "google" => {
                let form = [
                    ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                    ("assertion", &assertion(reach)),
                ];
                let token = token(http.post(text("token_uri")).form(&form)).await;
                (token, format!("{}/admin/directory/v1", text("api")), Style::Google)
            }
            _ => {
                let authorization = format!("SSWS {}", text("token"));
                (authorization, format!("{}/api/v1", text("url")), Style::Okta)
            }
        };
        Self { http, authorization, base, style }
    }

    /// Downloads everything; gives the number of requests.
    pub(crate) async fn download(&self, concurrency: usize) -> usize {
        let (users, groups, members) = match self.style {
            Style::Graph => (ENTRA_USERS, ENTRA_GROUPS, "members?$select=id&$top=999"),
            Style::Google => (
                GOOGLE_USERS,
                GOOGLE_GROUPS,
                "members?maxResults=200&fields=nextPageToken,members(id,type)",
            ),
            Style::Okta => (OKTA_USERS, "groups?limit=200", "users?limit=200"),
        };
        let people = self.list::<IgnoredAny>(users.to_owned());
        let rest = async {
            let (groups, pages) = self.list::<WithId>(groups.to_owned()).await;
            let members = stream::iter(groups)
                .map(async |group| {
                    let path = format!("groups/{}/{members}", group.id);
                    Ok::<_, ()>(self.list::<IgnoredAny>(path).await.1)
                })
                .buffer_unordered(concurrency)
                .try_fold(0, async |sum, pages| Ok(sum + pages));
            pages + members.await.unwrap()
        };
        let ((_, pages), more) = tokio::join!(people, rest);
        pages + more
    }

    async fn list<T: for<'de> Deserialize<'de>>(&self, path: String) -> (Vec<T>, usize) {
        let first = format!("{}/{path}", self.base);
        let mut url = first.clone();
        let (mut all, mut pages) = (Vec::new(), 0);
        loop {
            pages += 1;
            let request = self.http.get(&url).header(header::AUTHORIZATION, &self.authorization);
            let response = request.header(header::USER_AGENT, "bare (gzip)").send().await.unwrap();
            if let Some(pause) = told_to_wait(&response) {
                tokio::time::sleep(pause).await;
                continue;
            }
            assert!(response.status().is_success(), "{} {url}", response.status());
            let next = next_link(&response);
            let body = response.bytes().await.unwrap();
            let next = if let Style::Okta = self.style {
                all.extend(serde_json::from_slice::<Vec<T>>(&body).unwrap());
                next
            } else {
                let page: Page<T> = serde_json::from_slice(&body).unwrap();
                all.extend(page.value);
                let by_token = page.token.map(|token| {
                    let token: String = byte_serialize(token.as_bytes()).collect();
                    format!("{first}&pageToken={token}")
                });
                page.link.or(by_token)
            };
            match next {
                Some(next) => url = next,
                None => return (all, pages),
            }
        }
    }
}

fn told_to_wait(response: &Response) -> Option<Duration> {
    let number = |name: &str| response.headers().get(name)?.to_str().ok()?.parse().ok();
    match response.status().as_u16() {
        429 => Some(Duration::from_secs(number("retry-after").unwrap_or(1))),
        403 => Some(Duration::from_secs(1)),
        _ => None,
    }
}

fn next_link(response: &Response) -> Option<String> {
    let links = response.headers().get_all(header::LINK).iter();
    let next =
        links.filter_map(|link| link.to_str().ok()).find(|link| link.contains("\"next\""))?;
    Some(next.split_once('<')?.1.split_once('>')?.0.to_owned())
}

async fn token(request: reqwest::RequestBuilder) -> String {
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    format!("Bearer {}", answer["access_token"].as_str().unwrap())
}

/// What a service account signs to get a token.
fn assertion(google: &Value) -> String {
    let file = std::fs::read(google["key_file"].as_str().unwrap()).unwrap();
    let key: Value = serde_json::from_slice(&file).unwrap();
    let pem = key["private_key"].as_str().unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let pair = KeyPair::from_pkcs8(&STANDARD.decode(der).unwrap()).unwrap();
    let now = jiff::Timestamp::now().as_second();
    let scopes = ["user", "group", "group.member"]
        .map(|what| format!("https://www.googleapis.com/auth/admin.directory.{what}.readonly"));
    let claims = json!({
        "iss": key["client_email"], "sub": google["subject"], "aud": google["token_uri"],
        "scope": scopes.join(" "), "iat": now, "exp": now + 600,
    });
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": key["private_key_id"]});
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(&claims));
    let mut signature = vec![0; pair.public_modulus_len()];
    let random = SystemRandom::new();
    pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

//! Okta's token endpoint, the API token, and proofs of possession: every refusal of the vendor's tables.

use aws_lc_rs::{
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use simulator::{Dpop, Options};

use crate::{
    org::{Org, SCOPES, code, next, now, prove_with, public_jwk, rows, sign_es256, unique},
    tenant::{Answer, client, send, text},
    workspace::sign,
};

/// An organisation whose app does not demand proofs.
async fn plain() -> Org {
    Org::with(Options { okta_dpop: Dpop::Optional, ..Org::options() }).await
}

/// What the token endpoint says is wrong.
fn refusal(answer: &Answer) -> (u16, &str, &str) {
    let word = |name: &str| answer.body[name].as_str().unwrap_or_else(|| panic!("{}", answer.text));
    (answer.status, word("error"), word("error_description"))
}

#[tokio::test]
async fn the_description_names_credentials_in_oktas_form() {
    let org = Org::start().await;
    let okta = org.okta();
    let json = serde_json::to_value(org.running.description()).unwrap();
    assert_eq!(
        (&json["okta"]["url"], &json["okta"]["token"]),
        (&json!(okta.url), &json!(okta.token))
    );
    assert!(okta.token.len() == 42 && okta.token.starts_with("00"), "{}", okta.token);
    assert!(okta.client_id.len() == 20 && okta.client_id.starts_with("0oa"));
    let jwk: Value =
        serde_json::from_str(&std::fs::read_to_string(&okta.jwk_file).unwrap()).unwrap();
    assert_eq!((&jwk["kty"], &jwk["kid"]), (&json!("RSA"), &json!(okta.key_id)));
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    assert_eq!((number("n").len(), number("p").len(), number("e")), (256, 128, vec![1, 0, 1]));
    // The private exponent and the rest are there as well, each of its size.
    assert!(
        number("d").len() > 250
            && ["q", "dp", "dq", "qi"].iter().all(|one| number(one).len() > 120)
    );
}

#[tokio::test]
async fn the_organisation_says_what_it_is() {
    let org = Org::start().await;
    let url = format!("{}/.well-known/okta-organization", org.okta().url);
    let answer = send(org.http.get(url)).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body["id"].as_str().unwrap().starts_with("00o"));
    assert_eq!(answer.body["pipeline"], "idx");
    assert_eq!(answer.body["_links"]["organization"]["href"], org.okta().url);
    let url = format!("{}/.well-known/openid-configuration", org.okta().url);
    let discovery = send(org.http.get(url)).await.body;
    assert_eq!(discovery["issuer"], org.okta().url);
    assert_eq!(discovery["token_endpoint"], org.token_url());
    assert_eq!(discovery["code_challenge_methods_supported"], json!(["S256"]));
    let keys = send(org.http.get(discovery["jwks_uri"].as_str().unwrap())).await.body;
    assert_eq!(keys["keys"][0]["kty"], "RSA");
}

#[tokio::test]
async fn a_token_is_issued_from_the_body_or_the_address() {
    let mut org = plain().await;
    let answer = org.ask_with(&[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["scope"], SCOPES);
    assert_eq!(answer.body["expires_in"], 3_599);
    assert!(answer.body["access_token"].as_str().unwrap().starts_with("eyJ"));
    org.access = text(&answer.body["access_token"]);
    let read = send(org.http.get(org.url("users?limit=1")).bearer_auth(&org.access)).await;
    assert_eq!(rows(&read).len(), 1);
    let form = Org::form(&org.signed(&org.claims()), SCOPES);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(&form);
    let url = format!("{}?{}", org.token_url(), query.finish());
    assert_eq!(send(org.http.post(url)).await.status, 200);
}

#[tokio::test]
async fn refusals_are_those_of_the_vendors_table() {
    let org = plain().await;
    let now = now();
    let cases: Vec<(&str, Value, u16, &str, &str)> = vec![
        ("iss", json!("0oaNobody"), 401, "invalid_client", "Invalid value for 'client_id'"),
        ("sub", json!("0oaNobody"), 401, "invalid_client", "Invalid value for 'client_id'"),
        ("aud", json!("https://x.example"), 401, "invalid_client", "must be the endpoint invoked"),
        ("aud", json!(org.okta().url), 401, "invalid_client", "must be the endpoint invoked"),
        ("exp", json!(now - 120), 401, "invalid_client", "client_assertion token is expired"),
        ("exp", json!(now + 7_200), 401, "invalid_client", "more than one hour"),
        ("exp", Value::Null, 401, "invalid_client", "must have an expiration"),
        ("iat", json!(now + 600), 401, "invalid_client", "issued in the future"),
    ];
    for (name, value, status, error, description) in cases {
        let answer = org.ask_with(&[(name, value.clone())]).await;
        let (got, word, told) = refusal(&answer);
        assert_eq!((got, word), (status, error), "{name} {value}");
        assert!(told.contains(description), "{name} {value}: {told}");
    }
    let good = org.signed(&org.claims());
    assert_eq!(org.ask(&good, SCOPES).await.status, 200);
    let (status, error, told) = (400, "invalid_client", "client_assertion_already_used");
    let again = org.ask(&good, SCOPES).await;
    assert_eq!((refusal(&again).0, refusal(&again).1), (status, error));
    assert!(refusal(&again).2.contains(told));
    for (scope, told) in [
        ("okta.users.read okta.users.manage", "not configured for the authorization server"),
        ("okta.users.read nonsense", "invalid, unknown, or malformed"),
        ("", "'scope' must be provided"),
    ] {
        let answer = org.ask(&org.signed(&org.claims()), scope).await;
        assert_eq!((refusal(&answer).0, refusal(&answer).1), (400, "invalid_scope"), "{scope}");
        assert!(refusal(&answer).2.contains(told), "{scope}: {}", refusal(&answer).2);
    }
    let custom = org.token_url().replace("/oauth2/v1", "/oauth2/default/v1");
    let form = Org::form(&org.signed(&org.claims()), SCOPES);
    assert_eq!(refusal(&send(org.http.post(custom).form(&form)).await).1, "invalid_scope");
}

#[tokio::test]
async fn secrets_and_other_grants_are_refused() {
    let org = plain().await;
    let secret = [
        ("grant_type", "client_credentials"),
        ("scope", SCOPES),
        ("client_id", &org.okta().client_id),
        ("client_secret", "secret"),
    ];
    let answer = send(org.http.post(org.token_url()).form(&secret)).await;
    assert_eq!((refusal(&answer).0, refusal(&answer).1), (401, "invalid_client"));
    assert!(refusal(&answer).2.contains("must use the private_key_jwt"));
    let basic = org.http.post(org.token_url()).form(&secret[..2]).basic_auth("id", Some("secret"));
    assert!(refusal(&send(basic).await).2.contains("must use the private_key_jwt"));
    let password = [("grant_type", "password")];
    let answer = send(org.http.post(org.token_url()).form(&password)).await;
    assert_eq!((refusal(&answer).0, refusal(&answer).1), (400, "unsupported_grant_type"));
    let answer = send(org.http.post(org.token_url()).form(&[("scope", SCOPES)])).await;
    assert_eq!((refusal(&answer).0, refusal(&answer).1), (400, "invalid_request"));
}

#[tokio::test]
async fn signatures_and_keys_are_verified() {
    let org = plain().await;
    let stranger = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let kid = &org.okta().key_id;
    let forged = sign(&stranger, &json!({"alg": "RS256", "kid": kid}), &org.claims());
    let unknown = sign(&org.key, &json!({"alg": "RS256", "kid": "other"}), &org.claims());
    let unsigned = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(json!({"alg": "none", "kid": kid}).to_string()),
        URL_SAFE_NO_PAD.encode(org.claims().to_string())
    );
    let misnamed = sign(&org.key, &json!({"alg": "RS384", "kid": kid}), &org.claims());
    for (assertion, told) in [
        (forged, "signature is invalid"),
        (misnamed, "signature is invalid"),
        (unknown, "kid is invalid"),
        (unsigned, "must be signed with one of"),
        ("nonsense".to_owned(), "not a valid JWT"),
    ] {
        let answer = org.ask(&assertion, SCOPES).await;
        assert_eq!((refusal(&answer).0, refusal(&answer).1), (401, "invalid_client"));
        assert!(refusal(&answer).2.contains(told), "{}", refusal(&answer).2);
    }
    // A second key, as an administrator would paste it; then assertions must say which one they mean.
    let second = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let mut jwk = public_jwk(&second);
    jwk["kid"] = json!("second");
    assert_eq!(org.tell("POST", "keys", jwk).await["kid"], "second");
    let header = json!({"alg": "ES256", "kid": "second"});
    let answer = org.ask(&sign_es256(&second, &header, &org.claims()), SCOPES).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let nameless = sign(&org.key, &json!({"alg": "RS256"}), &org.claims());
    assert!(refusal(&org.ask(&nameless, SCOPES).await).2.contains("kid is invalid"));
    org.tell("DELETE", "keys/second", Value::Null).await;
    let answer = org.ask(&sign_es256(&second, &header, &org.claims()), SCOPES).await;
    assert!(refusal(&answer).2.contains("kid is invalid"));
    let private = json!({"kty": "EC", "crv": "P-256", "x": "", "y": "", "d": ""});
    assert_eq!(org.control("POST", "keys", &private).await.status, 400);
}

#[tokio::test]
async fn what_is_taken_away_from_the_app_is_told_apart() {
    let org = plain().await;
    for (what, status, error, told) in [
        ("consent", 400, "invalid_scope", "not configured"),
        ("scope", 400, "invalid_scope", "not configured"),
        ("secret", 401, "invalid_client", "kid is invalid"),
        ("key", 401, "invalid_client", "kid is invalid"),
        ("method", 401, "invalid_client", "must use the private_key_jwt"),
        ("app_type", 400, "unauthorized_client", "grant type"),
        ("account", 401, "invalid_client", "Invalid value for 'client_id'"),
        ("policy", 403, "access_denied", "Policy"),
        ("zone", 403, "access_denied", "Policy"),
        ("bearer", 400, "invalid_dpop_proof", "The DPoP proof JWT header is missing."),
    ] {
        org.revoke(what).await;
        let answer = org.ask_with(&[]).await;
        assert_eq!((refusal(&answer).0, refusal(&answer).1), (status, error), "{what}");
        assert!(refusal(&answer).2.contains(told), "{what}: {}", refusal(&answer).2);
        org.grant(what).await;
        assert_eq!(org.ask_with(&[]).await.status, 200, "{what}");
    }
    // Without the scope for users, those for groups can still be had.
    org.revoke("scope").await;
    let answer = org.ask(&org.signed(&org.claims()), "okta.groups.read").await;
    assert_eq!(answer.status, 200);
    assert_eq!(org.control("POST", "revoke", &json!({"what": "api"})).await.status, 400);
}

#[tokio::test]
async fn the_state_of_the_organisation_shows_in_the_api() {
    let org = Org::start().await;
    for (what, path, status, expected) in [
        ("role", "users", 403, "E0000006"),
        ("availability", "users", 503, "E0000010"),
        ("feature", "users", 401, "E0000015"),
        ("zone", "users", 401, "E0000004"),
        ("token", "users", 401, "E0000011"),
        ("account", "groups", 401, "E0000011"),
        ("secret", "groups", 401, "E0000011"),
        ("search", "users?search=status%20pr", 503, "E0000100"),
        ("search", "groups?search=type%20pr", 503, "E0000100"),
    ] {
        assert_eq!(org.get(path).await.status, 200, "{what}");
        org.revoke(what).await;
        let answer = org.get(path).await;
        assert_eq!((answer.status, code(&answer)), (status, expected), "{what}");
        org.grant(what).await;
    }
    // A role that covers nothing: lists are empty, and nothing is found.
    let user = text(&rows(&org.get("users?limit=1").await)[0]["id"]);
    org.revoke("resources").await;
    for path in ["users", "groups", "apps"] {
        let answer = org.get(path).await;
        assert!(rows(&answer).is_empty() && next(&answer).is_none(), "{path}");
    }
    assert_eq!(code(&org.get(&format!("users/{user}")).await), "E0000007");
}

#[tokio::test]
async fn the_api_token_works_with_and_without_a_space_and_dies_unused() {
    let org = Org::start().await;
    let token = &org.okta().token;
    for header in [format!("SSWS {token}"), format!("SSWS{token}")] {
        let request = org.http.get(org.url("users?limit=1")).header("Authorization", header);
        assert_eq!(send(request).await.status, 200);
    }
    let wrong = org.http.get(org.url("users")).header("Authorization", "SSWS 00wrong");
    let answer = send(wrong).await;
    assert_eq!((answer.status, code(&answer)), (401, "E0000011"));
    let answer = send(org.http.get(org.url("users"))).await;
    assert_eq!((answer.status, code(&answer)), (403, "E0000005"));
    for _ in 0..3 {
        org.advance(29 * 86_400).await;
        assert_eq!(org.get("users?limit=1").await.status, 200, "each use keeps it alive");
    }
    org.advance(31 * 86_400).await;
    assert_eq!(code(&org.get("users?limit=1").await), "E0000011");
    assert_eq!(code(&org.get("users?limit=1").await), "E0000011", "it does not come back");
    org.grant("token").await;
    assert_eq!(org.get("users?limit=1").await.status, 200);
    let answer = send(org.api(reqwest::Method::POST, "users").json(&json!({}))).await;
    assert_eq!((answer.status, code(&answer)), (403, "E0000006"));
}

/// What `WWW-Authenticate` says is wrong; the body is empty then.
fn challenge(answer: &Answer) -> (u16, &str, String) {
    assert!(
        answer.text.is_empty() && !answer.headers.contains_key("content-type"),
        "{}",
        answer.text
    );
    let header = answer.header("www-authenticate");
    let (scheme, rest) = header.split_once(' ').unwrap_or_else(|| panic!("{}", answer.status));
    let error = rest.split("error=\"").nth(1).unwrap().split('"').next().unwrap();
    (answer.status, scheme, error.to_owned())
}

#[tokio::test]
async fn access_tokens_are_bound_to_scopes_and_expire() {
    let org = plain().await;
    let bearer = async |scope: &str, path: &str| {
        let answer = org.ask(&org.signed(&org.claims()), scope).await;
        let access = text(&answer.body["access_token"]);
        send(org.http.get(org.url(path)).bearer_auth(access)).await
    };
    let group = org.truth().await.group("Exactly one page").to_owned();
    let members = format!("groups/{group}/users?limit=1");
    let app = format!("apps/{}/users", org.okta().app_id);
    for (scope, allowed) in [
        ("okta.users.read", [true, false, false, false, false, false]),
        ("okta.groups.read", [false, true, true, false, false, false]),
        ("okta.apps.read", [false, false, false, true, false, false]),
        ("okta.logs.read", [false, false, false, false, true, false]),
        ("okta.eventHooks.manage", [false, false, false, false, false, true]),
    ] {
        let paths = ["users?limit=1", "groups?limit=1", &members, &app, "logs", "eventHooks"];
        for (path, allowed) in paths.iter().zip(allowed) {
            let answer = bearer(scope, path).await;
            if allowed {
                assert_eq!(answer.status, 200, "{scope} {path} {}", answer.text);
            } else {
                let expected = (403, "Bearer", "insufficient_scope".to_owned());
                assert_eq!(challenge(&answer), expected, "{scope} {path}");
                let text = "The access token provided does not contain the required scopes.";
                assert!(answer.header("www-authenticate").contains(text));
            }
        }
    }
    let answer = org.ask_with(&[]).await;
    let access = text(&answer.body["access_token"]);
    let read =
        async |access: &str| send(org.http.get(org.url("users?limit=1")).bearer_auth(access)).await;
    assert_eq!(read(&access).await.status, 200);
    let invalid = (401, "Bearer", "invalid_token".to_owned());
    let cut = &access[..access.len() - 2];
    assert_eq!(challenge(&read(cut).await), invalid);
    org.tell("POST", "expire", json!({"what": "tokens"})).await;
    assert_eq!(challenge(&read(&access).await), invalid);
    let access = text(&org.ask_with(&[]).await.body["access_token"]);
    assert_eq!(read(&access).await.status, 200);
    org.advance(3_599).await;
    assert_eq!(challenge(&read(&access).await), invalid);
    let access = text(&org.ask_with(&[]).await.body["access_token"]);
    assert_eq!(read(&access).await.status, 200, "the client's clock did not advance");
}

#[tokio::test]
async fn a_new_app_demands_proof_of_possession() {
    let mut org = Org::start().await;
    let answer = org.ask_with(&[]).await;
    assert_eq!(
        refusal(&answer),
        (400, "invalid_dpop_proof", "The DPoP proof JWT header is missing.")
    );
    let mut proof = Org::proof("POST", &org.token_url());
    let answer = org.ask_bound(SCOPES, &proof).await;
    let told = "Authorization server requires nonce in DPoP proof.";
    assert_eq!(refusal(&answer), (400, "use_dpop_nonce", told));
    let nonce = answer.header("dpop-nonce").to_owned();
    assert!(!nonce.is_empty());
    proof["nonce"] = json!("not one of ours");
    proof["jti"] = json!(unique());
    assert_eq!(refusal(&org.ask_bound(SCOPES, &proof).await).1, "use_dpop_nonce");
    for (name, value, told) in [
        ("htm", json!("GET"), "'htm'"),
        ("htu", json!("https://x.example/oauth2/v1/token"), "'htu'"),
        ("iat", json!(now() - 900), "too long ago"),
        ("jti", json!(""), "'jti'"),
    ] {
        let mut proof = Org::proof("POST", &org.token_url());
        proof["nonce"] = json!(nonce);
        proof[name] = value;
        let answer = org.ask_bound(SCOPES, &proof).await;
        assert_eq!((refusal(&answer).0, refusal(&answer).1), (400, "invalid_dpop_proof"));
        assert!(refusal(&answer).2.contains(told), "{}", refusal(&answer).2);
    }
    proof["nonce"] = json!(nonce);
    proof["jti"] = json!(unique());
    let answer = org.ask_bound(SCOPES, &proof).await;
    assert_eq!(
        (answer.status, &answer.body["token_type"]),
        (200, &json!("DPoP")),
        "{}",
        answer.text
    );
    assert!(refusal(&org.ask_bound(SCOPES, &proof).await).2.contains("already been used"));
    org.access = text(&answer.body["access_token"]);
    assert_eq!(org.get_bound("users?limit=1").await.status, 200);
    // A nonce is good for three days after its own.
    org.advance(4 * 86_400).await;
    let mut proof = Org::proof("POST", &org.token_url());
    proof["nonce"] = json!(nonce);
    assert_eq!(refusal(&org.ask_bound(SCOPES, &proof).await).1, "use_dpop_nonce");
}

#[tokio::test]
async fn each_request_with_a_bound_token_needs_its_own_proof() {
    let mut org = Org::start().await;
    org.log_in(SCOPES).await;
    let page = org.get_bound("users?limit=200").await;
    assert_eq!(rows(&page).len(), 200);
    assert_eq!(
        rows(&org.get_bound(&next(&page).unwrap()).await).len(),
        200,
        "the query is not in it"
    );
    let url = org.url("users?limit=1");
    let bearer = send(org.http.get(&url).bearer_auth(&org.access)).await;
    assert_eq!(challenge(&bearer), (401, "Bearer", "invalid_token".to_owned()));
    let bare =
        send(org.http.get(&url).header("Authorization", format!("DPoP {}", org.access))).await;
    assert_eq!(challenge(&bare), (401, "DPoP", "invalid_dpop_proof".to_owned()));
    let hash = URL_SAFE_NO_PAD
        .encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, org.access.as_bytes()));
    let good = || {
        let mut proof = Org::proof("GET", &url);
        proof["ath"] = json!(hash);
        proof
    };
    let once = org.prove(&good());
    assert_eq!(org.get_with(&url, &org.access, &once).await.status, 200);
    let invalid = (401, "DPoP", "invalid_dpop_proof".to_owned());
    assert_eq!(challenge(&org.get_with(&url, &org.access, &once).await), invalid, "used");
    for (name, value) in [
        ("ath", json!("AAAA")),
        ("htm", json!("POST")),
        ("htu", json!(org.url("groups"))),
        ("htu", json!(format!("{}?limit=1", org.url("users")))),
        ("iat", json!(now() - 400)),
    ] {
        let mut proof = good();
        proof[name] = value.clone();
        let answer = org.get_with(&url, &org.access, &org.prove(&proof)).await;
        assert_eq!(challenge(&answer), invalid, "{name} {value}");
    }
    // Clients sign an address and send it each encoded in their way; an address in another way is the same.
    let nobody = org.url("users/nobody@initech.example");
    let mut proof = good();
    proof["htu"] = json!(nobody.replace('@', "%40"));
    assert_eq!(org.get_with(&nobody, &org.access, &org.prove(&proof)).await.status, 404);
    let stranger = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let answer = org.get_with(&url, &org.access, &prove_with(&stranger, &good())).await;
    assert_eq!(challenge(&answer), invalid, "another key");
    // An unbound token cannot be used with a proof.
    org.grant("bearer").await;
    let plain = text(&org.ask_with(&[]).await.body["access_token"]);
    let answer = org.get_with(&url, &plain, &org.prove(&good())).await;
    assert_eq!(challenge(&answer), (401, "DPoP", "invalid_token".to_owned()));
}

#[tokio::test]
async fn passwords_are_checked() {
    let org = Org::start().await;
    let user = org.new_user("ann@initech.example").await;
    let check = async |login: &str, password: &str| {
        let body = json!({"username": login, "password": password});
        send(client().post(org.url("authn")).json(&body)).await
    };
    let right = format!("Passw0rd-{user}");
    let answer = check("ANN@initech.example", &right).await;
    assert_eq!(
        (answer.status, &answer.body["status"]),
        (200, &json!("SUCCESS")),
        "{}",
        answer.text
    );
    assert_eq!(answer.body["_embedded"]["user"]["id"], user);
    assert!(answer.body["sessionToken"].is_string());
    for (login, password) in [("ann@initech.example", "wrong"), ("nobody@initech.example", "x")] {
        let answer = check(login, password).await;
        assert_eq!((answer.status, code(&answer)), (401, "E0000004"));
    }
    for (status, expected) in [
        ("PASSWORD_EXPIRED", "PASSWORD_EXPIRED"),
        ("LOCKED_OUT", "LOCKED_OUT"),
        ("RECOVERY", "PASSWORD_RESET"),
        ("SUSPENDED", ""),
        ("STAGED", ""),
    ] {
        org.tell("PATCH", &format!("users/{user}"), json!({"status": status})).await;
        org.advance(1).await;
        let answer = check("ann@initech.example", &right).await;
        assert_eq!(answer.body["status"].as_str().unwrap_or_default(), expected, "{status}");
        assert_eq!(answer.status, if expected.is_empty() { 401 } else { 200 }, "{status}");
    }
    org.tell("PATCH", &format!("users/{user}"), json!({"status": "ACTIVE"})).await;
    org.advance(1).await;
    let mut attempts = 0;
    while check("nobody@initech.example", "wrong").await.status != 429 {
        attempts += 1;
        assert!(attempts < 1_000, "four a second");
    }
    for _ in 0..10 {
        org.advance(1).await;
        check("ann@initech.example", "wrong").await;
    }
    let truth = org.truth().await;
    assert_eq!(truth.users[&user]["status"], "LOCKED_OUT");
    assert_eq!(truth.users[&user]["active"], true);
}

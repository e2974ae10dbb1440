//! Certificate credentials, in all forms that the vendor takes (A1.2).

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair},
};
use base64::{
    Engine as _,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use simulator::Options;

use crate::tenant::{Answer, Tenant};

/// A key with a certificate for it.
struct Credential {
    key: RsaKeyPair,
    pem: String,
    sha1: Vec<u8>,
    sha256: Vec<u8>,
}

impl Credential {
    fn new() -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
        let pkcs8 = der.as_ref().to_vec();
        let pair =
            KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.as_slice().into(), &PKCS_RSA_SHA256)
                .unwrap();
        let made = CertificateParams::new(Vec::new()).unwrap().self_signed(&pair).unwrap();
        let digest = |algorithm| aws_lc_rs::digest::digest(algorithm, made.der()).as_ref().to_vec();
        Self {
            key,
            pem: made.pem(),
            sha1: digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY),
            sha256: digest(&aws_lc_rs::digest::SHA256),
        }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let [head, body] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{head}.{body}");
        let mut signature = vec![0; self.key.public_modulus_len()];
        let encoding = if header["alg"] == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
        let random = SystemRandom::new();
        self.key.sign(encoding, &random, message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn header(&self) -> Value {
        json!({"alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(&self.sha256)})
    }
}

fn now() -> f64 {
    #[expect(clippy::disallowed_methods, reason = "an assertion is made by the real time")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs_f64()
}

fn claims(tenant: &Tenant) -> Value {
    let entra = tenant.entra();
    json!({
        "aud": format!("{}/{}/oauth2/v2.0/token", entra.authority, entra.tenant),
        "iss": entra.client_id, "sub": entra.client_id, "jti": "one of a kind",
        "nbf": now().floor(), "iat": now().floor(), "exp": now().floor() + 300.0,
    })
}

async fn ask(tenant: &Tenant, assertion: String) -> Answer {
    let mut form = tenant.form();
    form.remove("client_secret");
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    form.insert("client_assertion_type", kind.to_owned());
    form.insert("client_assertion", assertion);
    tenant.ask_token(&tenant.entra().tenant, &form).await
}

async fn registered() -> (Tenant, Credential) {
    let (tenant, credential) = (Tenant::start().await, Credential::new());
    let answer = tenant.tell("POST", "certificates", json!({"pem": credential.pem})).await;
    let hex =
        |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap());
    let shown: String = credential.sha1.iter().flat_map(hex).collect();
    assert_eq!(answer["thumbprint"], shown.to_uppercase());
    (tenant, credential)
}

#[tokio::test]
async fn every_form_that_libraries_send_is_good() {
    let (tenant, credential) = registered().await;
    let claims = claims(&tenant);
    for header in [
        credential.header(),
        json!({"alg": "RS256", "typ": "JWT", "x5t": URL_SAFE_NO_PAD.encode(&credential.sha1)}),
        json!({"alg": "RS256", "typ": "JWT", "x5t": URL_SAFE.encode(&credential.sha1)}),
        json!({"alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE.encode(&credential.sha256)}),
    ] {
        let answer = ask(&tenant, credential.sign(&header, &claims)).await;
        assert_eq!(answer.status, 200, "{header}: {}", answer.text);
    }
    let mut other = claims.clone();
    (other["nbf"], other["exp"]) = (json!(now() + 0.5), json!(now() + 299.123_456));
    other["aud"] = json!(format!(
        "https://login.microsoftonline.com/{}/oauth2/v2.0/token",
        tenant.entra().tenant
    ));
    let answer = ask(&tenant, credential.sign(&credential.header(), &other)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    // The certificate may be there from the start.
    let options = Options { entra_certificate: Some(credential.pem.clone()), ..Tenant::options() };
    let second = Tenant::with(options).await;
    let assertion = credential.sign(&credential.header(), &self::claims(&second));
    assert_eq!(ask(&second, assertion).await.status, 200);
    let options = Options { entra_certificate: Some("no".to_owned()), ..Tenant::options() };
    assert!(simulator::start(options).await.is_err());
}

#[tokio::test]
async fn what_is_wrong_with_an_assertion_has_its_number() {
    let (tenant, credential) = registered().await;
    let good = credential.header();
    let stranger = Credential::new();
    let mut bent = good.clone();
    bent["alg"] = json!("HS256");
    for (credential, header, code) in [
        (&stranger, stranger.header(), 700_027),
        (&stranger, good.clone(), 700_027),
        (&credential, bent, 700_027),
        (&credential, json!({"alg": "PS256"}), 700_027),
    ] {
        let answer = ask(&tenant, credential.sign(&header, &claims(&tenant))).await;
        assert_eq!((answer.status, &answer.body["error_codes"]), (401, &json!([code])), "{header}");
        assert_eq!(answer.body["error"], "invalid_client");
    }
    for (name, value, code) in [
        ("exp", json!(now() - 1.0), 700_024),
        ("exp", json!(now() + 100_000.0), 700_024),
        ("nbf", json!(now() + 1_000.0), 700_024),
        ("aud", json!("https://graph.microsoft.com"), 50_012),
        ("iss", json!("somebody"), 50_013),
        ("sub", json!("somebody"), 50_013),
        ("jti", json!(""), 50_013),
        ("exp", json!("soon"), 50_027),
    ] {
        let mut claims = claims(&tenant);
        claims[name] = value.clone();
        let answer = ask(&tenant, credential.sign(&good, &claims)).await;
        assert_eq!(answer.body["error_codes"], json!([code]), "{name} {value}: {}", answer.text);
    }
    let answer = ask(&tenant, "nonsense".to_owned()).await;
    assert_eq!(answer.body["error_codes"], json!([50_027]));
    let mut form = tenant.form();
    form.insert("client_assertion", credential.sign(&good, &claims(&tenant)));
    let answer = tenant.ask_token(&tenant.entra().tenant, &form).await;
    assert_eq!(answer.body["error_codes"], json!([900_144]), "the kind is missing");
    tenant.tell("DELETE", "certificates", Value::Null).await;
    let answer = ask(&tenant, credential.sign(&good, &claims(&tenant))).await;
    assert_eq!(answer.body["error_codes"], json!([700_027]));
    assert_eq!(tenant.control("POST", "certificates", &json!({"pem": "x"})).await.status, 400);
}

#[tokio::test]
async fn a_clock_that_is_wrong_spoils_assertions_and_shows() {
    let (tenant, credential) = registered().await;
    tenant.tell("POST", "clock", json!({"skew_s": 7_200})).await;
    let answer = ask(&tenant, credential.sign(&credential.header(), &claims(&tenant))).await;
    assert_eq!(answer.body["error_codes"], json!([700_024]));
    let date = jiff::fmt::rfc2822::parse(&answer.header("date").replace("GMT", "+0000")).unwrap();
    let ahead = date.timestamp().as_second() - now() as i64;
    assert!((7_190..7_210).contains(&ahead), "{ahead}");
    tenant.tell("POST", "clock", json!({"skew_s": 0})).await;
    let answer = ask(&tenant, credential.sign(&credential.header(), &claims(&tenant))).await;
    assert_eq!(answer.status, 200);
}

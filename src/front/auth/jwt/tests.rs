use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RsaKeyPair,
    },
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

use super::*;

const NOW: u64 = 1_800_000_000;

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn expected() -> Expected {
    Expected {
        issuer: "https://issuer.example/".into(),
        audience: "https://mcp.example/mcp".into(),
        longest_life: Duration::from_mins(15),
    }
}

fn claims() -> Value {
    json!({"iss": "https://issuer.example/", "aud": "https://mcp.example/mcp", "sub": "user-1", "iat": NOW - 10,
        "exp": NOW + 600, "scope": "comfywarden:read comfywarden:generation"})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

struct Issuer {
    pair: EcdsaKeyPair,
}

impl Issuer {
    fn new() -> Self {
        Self { pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
    }

    fn key(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256",
            "x": b64(&point[1..33]), "y": b64(&point[33..])})
    }

    fn keys(&self) -> KeySet {
        KeySet::parse(json!({"keys": [self.key()]}).to_string().as_bytes()).unwrap()
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", b64(signature))
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": "ES256", "kid": "k1", "typ": "at+jwt"}), claims)
    }

    fn refusal(&self, token: &str) -> Refusal {
        verify(token, &self.keys(), &expected(), NOW).unwrap_err()
    }
}

#[test]
fn a_good_token_names_its_holder_and_scopes() {
    let issuer = Issuer::new();
    let holder = verify(&issuer.token(&claims()), &issuer.keys(), &expected(), NOW).unwrap();
    assert_eq!(holder.subject, "user-1");
    assert_eq!(holder.scopes, ["comfywarden:read", "comfywarden:generation"]);
    let listed = with("aud", json!(["https://other.example/", "https://mcp.example/mcp"]));
    assert!(verify(&issuer.token(&listed), &issuer.keys(), &expected(), NOW).is_ok());
}

#[test]
fn what_a_token_says_is_checked_claim_by_claim() {
    let issuer = Issuer::new();
    for (claim, value, refusal) in [
        ("iss", json!("https://evil.example/"), Refusal::Issuer),
        ("iss", Value::Null, Refusal::Issuer),
        ("aud", json!("https://other.example/mcp"), Refusal::Audience),
        ("aud", json!([]), Refusal::Audience),
        ("aud", Value::Null, Refusal::Audience),
        ("aud", json!("https://mcp.example/mcp/"), Refusal::Audience),
        ("exp", json!(NOW), Refusal::Expired),
        ("exp", Value::Null, Refusal::Expired),
        ("exp", json!(-1), Refusal::Expired),
        ("exp", json!(NOW + 3_600), Refusal::TooLong),
        ("exp", json!(1e300), Refusal::Expired),
        ("iat", Value::Null, Refusal::TooLong),
        ("iat", json!(NOW + 120), Refusal::NotYet),
        ("nbf", json!(NOW + 120), Refusal::NotYet),
        ("sub", Value::Null, Refusal::Subject),
        ("sub", json!(""), Refusal::Subject),
        ("exp", json!("soon"), Refusal::Shape),
    ] {
        assert_eq!(issuer.refusal(&issuer.token(&with(claim, value.clone()))), refusal, "{claim}: {value}");
    }
}

#[test]
fn no_other_algorithm_no_other_key_and_no_extension_is_accepted() {
    let issuer = Issuer::new();
    let message = |header: Value| format!("{}.{}", b64(header.to_string()), b64(claims().to_string()));
    for none in ["none", "None", "NONE", ""] {
        assert_eq!(
            issuer.refusal(&format!("{}.", message(json!({"alg": none, "kid": "k1"})))),
            Refusal::Algorithm
        );
    }
    // The public key as the secret of a symmetric signature.
    let forged = message(json!({"alg": "HS256", "kid": "k1"}));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(issuer.pair.public_key().as_ref()).unwrap();
    mac.update(forged.as_bytes());
    assert_eq!(issuer.refusal(&format!("{forged}.{}", b64(mac.finalize().into_bytes()))), Refusal::Algorithm);
    assert_eq!(issuer.refusal(&Issuer::new().token(&claims())), Refusal::Signature);
    let other_key = issuer.sign(&json!({"alg": "ES256", "kid": "k2"}), &claims());
    assert_eq!(issuer.refusal(&other_key), Refusal::UnknownKey);
    for header in [
        json!({"alg": "ES256", "kid": "k1", "crit": ["exp"]}),
        json!({"alg": "ES256", "kid": "k1", "b64": false}),
        json!({"alg": "ES256", "kid": "k1", "typ": "dpop+jwt"}),
    ] {
        assert_eq!(issuer.refusal(&issuer.sign(&header, &claims())), Refusal::Shape, "{header}");
    }
    for odd in ["", ".", "..", "a.b", "a.b.c.d", "eyJ.eyJ.x"] {
        assert_eq!(issuer.refusal(odd), Refusal::Shape, "{odd}");
    }
    let good = issuer.token(&claims());
    assert_eq!(issuer.refusal(&format!("{good}A")), Refusal::Signature);
    for at in (0..good.len()).step_by(11) {
        let mut changed = good.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(
            verify(&String::from_utf8(changed).unwrap(), &issuer.keys(), &expected(), NOW).is_err(),
            "{at}"
        );
    }
}

#[test]
fn a_repeated_claim_is_refused() {
    let issuer = Issuer::new();
    let text = claims().to_string().replace("\"sub\"", "\"sub\":\"admin\",\"sub\"");
    let message = format!("{}.{}", b64(r#"{"alg":"ES256","kid":"k1"}"#), b64(text));
    let signature = issuer.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    assert_eq!(issuer.refusal(&format!("{message}.{}", b64(signature))), Refusal::Shape);
}

#[test]
fn rsa_and_ed25519_keys_verify_their_own_signatures_only() {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let ed = Ed25519KeyPair::generate().unwrap();
    // PKCS#1 of 2048 bits: a sequence of the modulus, with a leading zero, and the exponent 65537.
    let public = rsa.public_key().as_ref();
    let (modulus, exponent) = (&public[9..265], &public[267..270]);
    assert_eq!(exponent, [1, 0, 1]);
    let keys = json!({"keys": [
        {"kty": "RSA", "kid": "r", "n": b64(modulus),
            "e": b64(exponent)},
        {"kty": "OKP", "crv": "Ed25519", "kid": "e", "x": b64(ed.public_key().as_ref())},
        {"kty": "oct", "kid": "s", "k": b64("a secret of the issuer")},
        {"kty": "EC", "crv": "P-521", "kid": "p", "x": "AA", "y": "AA"},
        {"kty": "RSA", "kid": "enc", "use": "enc", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "ps", "alg": "PS256", "n": "AQAB", "e": "AQAB"}
    ]});
    let keys = KeySet::parse(keys.to_string().as_bytes()).unwrap();
    assert_eq!(keys.0.len(), 2, "keys of other kinds are left out");
    let message = |alg: &str, kid: &str| {
        format!("{}.{}", b64(json!({"alg": alg, "kid": kid}).to_string()), b64(claims().to_string()))
    };
    let by_rsa = |message: &str| {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", b64(signature))
    };
    let by_ed = |message: &str| format!("{message}.{}", b64(ed.sign(message.as_bytes())));
    let check = |token: String| verify(&token, &keys, &expected(), NOW).map(|holder| holder.subject);
    assert_eq!(check(by_rsa(&message("RS256", "r"))).unwrap(), "user-1");
    assert_eq!(check(by_ed(&message("EdDSA", "e"))).unwrap(), "user-1");
    assert_eq!(check(by_rsa(&message("RS256", "e"))), Err(Refusal::Algorithm));
    assert_eq!(check(by_ed(&message("EdDSA", "r"))), Err(Refusal::Algorithm));
    assert_eq!(check(by_rsa(&message("RS512", "r"))), Err(Refusal::Algorithm));
}

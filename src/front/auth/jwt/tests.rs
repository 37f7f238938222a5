use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};

use super::*;

const NOW: u64 = 1_800_000_000;

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn expected() -> ExpectedClaims {
    ExpectedClaims {
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
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self { pair: EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).unwrap() }
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

    fn refusal(&self, token: &str) -> TokenError {
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
        ("iss", json!("https://evil.example/"), TokenError::Issuer),
        ("iss", Value::Null, TokenError::Issuer),
        ("aud", json!("https://other.example/mcp"), TokenError::Audience),
        ("aud", json!([]), TokenError::Audience),
        ("aud", Value::Null, TokenError::Audience),
        ("aud", json!("https://mcp.example/mcp/"), TokenError::Audience),
        ("exp", json!(NOW), TokenError::Expired),
        ("exp", Value::Null, TokenError::Expired),
        ("exp", json!(-1), TokenError::Expired),
        ("exp", json!(NOW + 3_600), TokenError::TooLong),
        ("exp", json!(1e300), TokenError::Expired),
        ("iat", Value::Null, TokenError::TooLong),
        ("iat", json!(NOW + 120), TokenError::NotYet),
        ("nbf", json!(NOW + 120), TokenError::NotYet),
        ("sub", Value::Null, TokenError::Subject),
        ("sub", json!(""), TokenError::Subject),
        ("exp", json!("soon"), TokenError::Malformed),
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
            TokenError::Algorithm
        );
    }
    // The public key as the secret of a symmetric signature.
    let forged = message(json!({"alg": "HS256", "kid": "k1"}));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(issuer.pair.public_key().as_ref()).unwrap();
    mac.update(forged.as_bytes());
    assert_eq!(
        issuer.refusal(&format!("{forged}.{}", b64(mac.finalize().into_bytes()))),
        TokenError::Algorithm
    );
    assert_eq!(issuer.refusal(&Issuer::new().token(&claims())), TokenError::Signature);
    let other_key = issuer.sign(&json!({"alg": "ES256", "kid": "k2"}), &claims());
    assert_eq!(issuer.refusal(&other_key), TokenError::UnknownKey);
    for header in [
        json!({"alg": "ES256", "kid": "k1", "crit": ["exp"]}),
        json!({"alg": "ES256", "kid": "k1", "b64": false}),
        json!({"alg": "ES256", "kid": "k1", "typ": "dpop+jwt"}),
    ] {
        assert_eq!(issuer.refusal(&issuer.sign(&header, &claims())), TokenError::Malformed, "{header}");
    }
    for odd in ["", ".", "..", "a.b", "a.b.c.d", "eyJ.eyJ.x"] {
        assert_eq!(issuer.refusal(odd), TokenError::Malformed, "{odd}");
    }
    let good = issuer.token(&claims());
    assert_eq!(issuer.refusal(&format!("{good}A")), TokenError::Signature);
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
    assert_eq!(issuer.refusal(&format!("{message}.{}", b64(signature))), TokenError::Malformed);
}

/// The modulus of an RSA key of 2,048 bits with the exponent 65537. Its private half was thrown away after it had
/// signed the texts below, as nothing here can make RSA keys.
const RSA_MODULUS: &str = "qwVGNQFmjEQUJ5fRZy4iMKYStrReCxcJE2L8MHHsXTIs-_8hkoEXRiUTqVtp19UkKQhZgBjgqpPCw852desakcY17czkfEaXVj5YFsHHWEDKaiRyB6mjH8_ko9m7Pf5kWWbQPUSRQg7s5cXx4E4eq4O_M6hR_QKWJr986OVXHz-qK5wF_w5AwTM7fFIARbGN30CrxB7SQcTIuQe4QQWcFZp80-WzWv94mVbBUIoqZ1AXpeDTmClpmI4RZnjfMIZUajjO5LxqUUykIFUONZiAklg23VJooAvye3h-E4O_7pDLU9SDuma5WUqV0XLo80HJbfQuX053Jxtp_WP6QLXWfw";
/// Signatures of that key, PKCS#1 v1.5 with SHA-256, over the claims of [`claims`] under each header.
const RSA_SIGNED: [(&str, &str, &str); 3] = [
    (
        "RS256",
        "r",
        "Z4-jY4viYgVs1JbPnOD6i2tLKKj0mttxb3PkBk3YuCT1mXwEUEFW-PsolFIl2x_qlGHYSd4unGhKI7kYAvtUOpM-7RUPyiXXIfutFXGrSjsPIi2BL9GvB4jJKoRfF5r-_KUeGaLE6j7kEZKYP7zLY8i7zZIwvMnUXBmmEFERkYxo23NTfdJ7DadEmuCOQBZ2PszwJK2IZbNgzmKdUE7GlBodi4e3zC8S-svFUDnI0fjh_ePNFmwNmF0y4cYTGL5L5hRKsLUoFvAluZ19g55fPMLJSRY1iceKCF7B379RefdJGdG7dxewCyt1Zd5Q6xqnaNfyRD1GqyrxzSbzheATpg",
    ),
    (
        "RS256",
        "e",
        "FP-pW4qGO9fnoyPba8GJOOOGDBoYBU4ywXAHPAr1zRVPz9WH4G__XZq9-E4G6u0LxTN-DNF9xZ5ollU43t_8ortXHsUR3ilG8Audjjie8hRWh9t3B7JnMqXNotI8uH965zG56eqjqGaBC0pL-GQX5JbrWbgICDQZwBnyToHw6-zV_hJViX7ew_D2zjZfreuGOOidzboVfDKuXLJRCg-98LViqWUA-bKiBzvmLY-7Qgtr8Gt8hDnQhDdoLlT77DSS7M1k5axrBMDX4F4c9aK8E4hgdV9YwK3sqh1EvBdWdZXtWqkopxjU4jVI12R0J0RbXmOqrLhrDfG10buYbrlUxQ",
    ),
    (
        "RS512",
        "r",
        "FoBzihImsW5n5sLIjRihkCKnD0mA33s419d57CmC-p6u94ZkLxch6NhUHE5amyWyZP4oGXvFVXwknsKhVfTokIkyYIr3EMLoZa7DBrVv_OmanvYOkSvabwIAmcSqgRPzCBsc-Eyy4MirpIEBU03kSKqJ5hydkpyGlc0_EDd3_XHuMyUQzKsa7u4u24rlYtE1AYWkiA4l8SGMPqMMlBpvrSpWE_-Jt3SofZXJ4HtMjxOQkMAAwpodKC3CccobD7xOGSwWlwxC0d1wZP1uTm_SP178RLmH2wOC7JF-gAeWWxOsA_U0hCLKI_1mnMYRPTj8wSfR--HisLOR1FEIKa_q-Q",
    ),
];

#[test]
fn rsa_and_ed25519_keys_verify_their_own_signatures_only() {
    let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let ed = Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap();
    let keys = json!({"keys": [
        {"kty": "RSA", "kid": "r", "n": RSA_MODULUS, "e": "AQAB"},
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
    let by_ed = |message: &str| format!("{message}.{}", b64(ed.sign(message.as_bytes())));
    let check = |token: String| verify(&token, &keys, &expected(), NOW).map(|holder| holder.subject);
    let by_rsa: Vec<_> = RSA_SIGNED
        .iter()
        .map(|(alg, kid, signature)| check(format!("{}.{signature}", message(alg, kid))))
        .collect();
    assert_eq!(by_rsa, [Ok("user-1".to_owned()), Err(TokenError::Algorithm), Err(TokenError::Algorithm)]);
    let (alg, kid, _) = RSA_SIGNED[0];
    let moved = format!("{}.{}", message(alg, kid), RSA_SIGNED[1].2);
    assert_eq!(check(moved), Err(TokenError::Signature), "a signature over another header");
    assert_eq!(check(by_ed(&message("EdDSA", "e"))).unwrap(), "user-1");
    assert_eq!(check(by_ed(&message("EdDSA", "r"))), Err(TokenError::Algorithm));
}

//! Access tokens of an OAuth server: signature, issuer, audience, time. One algorithm per kind of key, chosen by the
//! key and never by the token.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

/// The longest token. Longer ones carry more than an identity.
const MAX_TOKEN: usize = 8 << 10;
/// The most keys of one set.
const MAX_KEYS: usize = 64;
/// How far the issuer's clock may be ahead of ours. An expired token gets no such grace.
const CLOCK_SKEW_SECONDS: u64 = 30;

/// Why a token is refused. The caller learns only that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no signed token.
    #[error("it is not a signed token")]
    Malformed,
    /// Its algorithm is none that the key is for.
    #[error("its algorithm is not accepted")]
    Algorithm,
    /// No key of the issuer has its id; there may be a new one.
    #[error("the issuer has no such key")]
    UnknownKey,
    /// The signature is wrong.
    #[error("its signature is wrong")]
    Signature,
    /// Another issuer.
    #[error("it is from another issuer")]
    Issuer,
    /// Made for somebody else.
    #[error("it is for another audience")]
    Audience,
    /// Expired, or without an end.
    #[error("it has expired, or never does")]
    Expired,
    /// Not valid yet.
    #[error("it is not valid yet")]
    NotYet,
    /// It lives longer than the operator allows, or does not say since when.
    #[error("it lives too long")]
    TooLong,
    /// Nobody in particular.
    #[error("it names no subject")]
    Subject,
}

/// What a token must say.
#[derive(Debug, Clone)]
pub struct ExpectedClaims {
    /// The issuer, exactly as in the configuration.
    pub issuer: String,
    /// Us.
    pub audience: String,
    /// The longest time between `iat` and `exp`.
    pub longest_life: Duration,
}

/// Who a valid token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSubject {
    /// The subject, as the issuer names it.
    pub subject: String,
    /// What the token may be used for.
    pub scopes: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub expires: u64,
}

/// A set of public keys, as an issuer publishes it. Keys that cannot sign tokens for us are left out.
#[derive(Debug, Clone, Default)]
pub struct KeySet(Vec<Key>);

#[derive(Debug, Clone)]
struct Key {
    id: Option<String>,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Rs256 { n: Vec<u8>, e: Vec<u8> },
    Es256(Vec<u8>),
    EdDsa(Vec<u8>),
}

#[derive(Deserialize)]
struct RawKeys {
    keys: Vec<RawKey>,
}

#[derive(Deserialize)]
struct RawKey {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<serde_json::Value>,
    b64: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<OneOrMany>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    scope: Option<OneOrMany>,
    scp: Option<OneOrMany>,
}

/// A text or a list of texts, as several claims may be written.
#[derive(Deserialize)]
#[serde(try_from = "serde_json::Value")]
struct OneOrMany(Vec<String>);

impl TryFrom<serde_json::Value> for OneOrMany {
    type Error = &'static str;

    fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {
        match value {
            serde_json::Value::String(one) => Ok(Self(vec![one])),
            serde_json::Value::Array(many) => many
                .into_iter()
                .map(|item| match item {
                    serde_json::Value::String(text) => Ok(text),
                    _ => Err("a list of something else than texts"),
                })
                .collect::<Result<_, _>>()
                .map(Self),
            _ => Err("neither a text nor a list of texts"),
        }
    }
}

impl KeySet {
    /// Reads a JSON Web Key Set.
    pub fn parse(json: &[u8]) -> Option<Self> {
        let raw: RawKeys = serde_json::from_slice(json).ok()?;
        Some(Self(raw.keys.into_iter().take(MAX_KEYS).filter_map(Key::read).collect()))
    }

    /// True when there is no key in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Key {
    fn read(raw: RawKey) -> Option<Self> {
        if raw.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        let kind = match (raw.kty.as_str(), raw.crv.as_deref()) {
            ("RSA", _) => Kind::Rs256 { n: bytes(&raw.n)?, e: bytes(&raw.e)? },
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes(&raw.x)?, bytes(&raw.y)?);
                (x.len() == 32 && y.len() == 32).then_some(())?;
                Kind::Es256([&[4_u8][..], &x, &y].concat())
            }
            ("OKP", Some("Ed25519")) => Kind::EdDsa(bytes(&raw.x)?),
            _ => return None,
        };
        let algorithm = kind.algorithm();
        raw.alg.is_none_or(|named| named == algorithm).then_some(Self { id: raw.kid, kind })
    }
}

impl Kind {
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rs256 { .. } => "RS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rs256 { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            Self::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            Self::EdDsa(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok(),
        }
    }
}

/// True for text that may be a token of this kind: three parts between dots.
pub fn looks_like_jwt(token: &str) -> bool {
    token.len() <= MAX_TOKEN && token.starts_with("eyJ") && token.split('.').count() == 3
}

/// Checks a token at the moment `now`, in seconds since 1970.
pub fn verify(
    token: &str,
    keys: &KeySet,
    expected: &ExpectedClaims,
    now: u64,
) -> Result<TokenSubject, TokenError> {
    if token.len() > MAX_TOKEN {
        return Err(TokenError::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, claims) =
        message.split_once('.').filter(|(_, rest)| !rest.contains('.')).ok_or(TokenError::Malformed)?;
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Malformed);
    let header: Header = serde_json::from_slice(&part(header)?).map_err(|_| TokenError::Malformed)?;
    let signature = part(signature)?;
    let typed = header.typ.as_deref().is_none_or(|typ| {
        ["jwt", "at+jwt", "application/at+jwt"].iter().any(|known| typ.eq_ignore_ascii_case(known))
    });
    if !typed || header.crit.is_some() || header.b64.is_some() {
        return Err(TokenError::Malformed);
    }
    let mut named = keys.0.iter().filter(|key| header.kid.is_none() || key.id == header.kid).peekable();
    named.peek().ok_or(TokenError::UnknownKey)?;
    let mut fitting = named.filter(|key| key.kind.algorithm() == header.alg).peekable();
    fitting.peek().ok_or(TokenError::Algorithm)?;
    if !fitting.any(|key| key.kind.verifies(message.as_bytes(), &signature)) {
        return Err(TokenError::Signature);
    }
    // Only now is what the token says worth reading.
    let claims: Claims = serde_json::from_slice(&part(claims)?).map_err(|_| TokenError::Malformed)?;
    check(claims, expected, now)
}

fn check(claims: Claims, expected: &ExpectedClaims, now: u64) -> Result<TokenSubject, TokenError> {
    if claims.iss.as_deref() != Some(&expected.issuer) {
        return Err(TokenError::Issuer);
    }
    if !claims.aud.is_some_and(|aud| aud.0.contains(&expected.audience)) {
        return Err(TokenError::Audience);
    }
    let expires = claims.exp.and_then(seconds).ok_or(TokenError::Expired)?;
    if expires <= now {
        return Err(TokenError::Expired);
    }
    let issued = claims.iat.and_then(seconds).ok_or(TokenError::TooLong)?;
    let begins = claims.nbf.map_or(Some(issued), seconds).ok_or(TokenError::NotYet)?;
    if issued.max(begins) > now + CLOCK_SKEW_SECONDS {
        return Err(TokenError::NotYet);
    }
    if expires.saturating_sub(issued) > expected.longest_life.as_secs() {
        return Err(TokenError::TooLong);
    }
    let subject = claims
        .sub
        .filter(|subject| !subject.is_empty() && subject.len() <= 512)
        .ok_or(TokenError::Subject)?;
    let scopes = [claims.scope, claims.scp].into_iter().flatten().flat_map(|claim| claim.0);
    let scopes =
        scopes.flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
    Ok(TokenSubject { subject, scopes, expires })
}

/// A moment as whole seconds; none for what no moment can be.
fn seconds(claim: f64) -> Option<u64> {
    const YEAR_9999: f64 = 253_402_300_799.0;
    let possible = claim.is_finite() && (0.0..=YEAR_9999).contains(&claim);
    possible.then(|| Duration::from_secs_f64(claim).as_secs())
}

#[cfg(test)]
mod tests;

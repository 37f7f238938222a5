//! Who is calling over HTTP: the holder of a bearer token, or the local user where no token is set.

use std::{fmt, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use secrecy::ExposeSecret;
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::{
    app::{Caller, Class, Remote},
    error::{Error, Result},
};

/// The tokens that open the door. Only their SHA-256 is kept.
pub struct Access {
    tokens: Vec<[u8; 32]>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("tokens", &self.tokens.len()).finish()
    }
}

impl Access {
    /// Reads the configured tokens: `sha256:` and 64 hexadecimal digits, or the token itself.
    pub fn new(remote: &Remote) -> Result<Self> {
        let tokens = remote.tokens.iter().map(|token| digest_of(token.expose_secret()));
        Ok(Self { tokens: tokens.collect::<Result<_>>()? })
    }

    /// True when a caller must show a token.
    pub fn wants_token(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// The caller behind an `Authorization` header. Compares with every token, in constant time.
    fn caller(&self, authorization: Option<&str>) -> Option<Caller> {
        if self.tokens.is_empty() {
            return Some(Caller::local());
        }
        let (scheme, token) = authorization?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let given: [u8; 32] = Sha256::digest(token.trim().as_bytes()).into();
        let matches: Vec<Choice> = self.tokens.iter().map(|known| known.ct_eq(&given)).collect();
        let any = matches.into_iter().fold(Choice::from(0), |all, one| all | one);
        bool::from(any).then(|| Caller::with_classes(name_of(&given), Class::ALL))
    }
}

/// A short name for the holder of a token, that tells nothing of the token.
fn name_of(digest: &[u8; 32]) -> String {
    let [a, b, c, d, ..] = digest;
    format!("token-{a:02x}{b:02x}{c:02x}{d:02x}")
}

fn digest_of(token: &str) -> Result<[u8; 32]> {
    let Some(hex) = token.strip_prefix("sha256:") else {
        if token.len() < 16 {
            return Err(Error::invalid_input(
                "a token in transport.remote.tokens has fewer than 16 characters",
            )
            .hint("make one with: openssl rand -hex 32"));
        }
        return Ok(Sha256::digest(token.as_bytes()).into());
    };
    let bytes: Option<Vec<u8>> = (0..hex.len() / 2)
        .map(|i| hex.get(2 * i..2 * i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    bytes.filter(|_| hex.len() == 64).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        Error::invalid_input("a token in transport.remote.tokens starts with sha256: but is no SHA-256")
            .hint("make one with: printf %s TOKEN | sha256sum")
    })
}

/// Lets a request through with its caller attached, or answers 401 with a challenge.
pub(super) async fn identify(
    State(access): State<Arc<Access>>,
    mut request: Request,
    next: Next,
) -> Response {
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(caller) = access.caller(authorization) else {
        let body = json!({ "kind": "unauthenticated", "message": "a valid bearer token is required" });
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], axum::Json(body))
            .into_response();
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

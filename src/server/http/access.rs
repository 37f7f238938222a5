//! Who is calling over HTTP: the holder of a token, or the local user where no token is asked for.

use std::{
    collections::HashSet,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use secrecy::ExposeSecret;
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::{failures::Failures, jwks::Keys, metadata, sessions::Sessions};
use crate::{
    app::{
        Caller, Class, Expected, Holder, OAuth, Refusal, Remote, View, looks_like_token, now_unix,
        verify_token,
    },
    error::{Error, Result},
    server::mcp::TokenView,
};

/// The scopes of access tokens and the classes they open.
pub(super) const SCOPES: [(&str, Class); 5] = [
    ("comfywarden:read", Class::Read),
    ("comfywarden:file", Class::File),
    ("comfywarden:workflow", Class::Workflow),
    ("comfywarden:generation", Class::Generation),
    ("comfywarden:admin", Class::Admin),
];
/// The word, among classes and after `comfywarden:` in scopes, that holds a caller to mode `enforce`.
const ENFORCE: &str = "enforce";
/// What stands before a profile, among classes and after `comfywarden:` in scopes. Profiles only take away.
const PROFILE: &str = "profile:";
/// The most tokens that are remembered as good.
const MOST_GOOD: usize = 4_096;

/// What opens the door. Of configured tokens only their SHA-256 is kept.
pub struct Access {
    tokens: Vec<Token>,
    oauth: Option<Door>,
    /// Tokens that were good lately: an address that shows wrong ones does not shut out its good ones.
    good: Mutex<HashSet<[u8; 32]>>,
    failures: Failures,
    sessions: Sessions,
}

/// A configured token.
struct Token {
    digest: [u8; 32],
    classes: Vec<Class>,
    enforced: bool,
    view: View,
}

/// Tokens of an OAuth server.
struct Door {
    settings: OAuth,
    expected: Expected,
    keys: Keys,
}

/// What becomes of a request.
enum Judged {
    Known(Caller, View),
    /// No token, where one is needed.
    Nobody,
    Wrong,
    /// A good token without these scopes.
    Narrow(Vec<String>),
    /// The issuer cannot be asked for its keys.
    Unsure,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("tokens", &self.tokens.len())
            .field("oauth", &self.oauth.is_some())
            .finish_non_exhaustive()
    }
}

impl Access {
    /// Reads the configured tokens, and what tokens of an OAuth server must say.
    pub fn new(remote: &Remote) -> Result<Self> {
        let tokens = remote.tokens.iter().map(|token| Token::read(token.expose_secret()));
        let oauth = remote.oauth.clone().map(Door::new).transpose()?;
        Ok(Self {
            tokens: tokens.collect::<Result<_>>()?,
            oauth,
            good: Mutex::default(),
            failures: Failures::default(),
            sessions: Sessions::default(),
        })
    }

    /// True when a caller must show a token.
    pub fn wants_token(&self) -> bool {
        !self.tokens.is_empty() || self.oauth.is_some()
    }

    async fn judge(&self, token: Option<&str>) -> Judged {
        if !self.wants_token() {
            return Judged::Known(Caller::local(), View::default());
        }
        let Some(token) = token else { return Judged::Nobody };
        if let Some((caller, view)) = self.configured(token) {
            return Judged::Known(caller, view);
        }
        match self.oauth.as_ref().filter(|_| looks_like_token(token)) {
            Some(door) => door.judge(token).await,
            None => Judged::Wrong,
        }
    }

    /// The holder of a configured token. Compares with every token, in constant time.
    fn configured(&self, token: &str) -> Option<(Caller, View)> {
        let given = digest(token);
        let matches: Vec<Choice> = self.tokens.iter().map(|known| known.digest.ct_eq(&given)).collect();
        let mut found = None;
        for (known, matching) in self.tokens.iter().zip(matches) {
            if bool::from(matching) {
                found = Some(known);
            }
        }
        found.map(|known| {
            let caller = Caller::with_classes(name_of(&given), known.classes.clone());
            (held(caller, known.enforced), known.view)
        })
    }

    fn was_good(&self, token: &str) -> bool {
        self.good.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest(token))
    }

    fn is_good(&self, token: &str) {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if good.len() >= MOST_GOOD {
            good.clear();
        }
        good.insert(digest(token));
    }

    /// The challenge of RFC 6750, with the pointer of RFC 9728 where there is an OAuth server.
    fn challenge(&self, error: Option<&str>, scopes: &[String]) -> HeaderValue {
        let mut parts = vec!["Bearer realm=\"comfywarden\"".to_owned()];
        parts.extend(error.map(|error| format!("error=\"{error}\"")));
        if let Some(door) = &self.oauth {
            parts.extend(metadata::address(&door.settings).map(|url| format!("resource_metadata=\"{url}\"")));
            let scopes = if scopes.is_empty() { &door.settings.scopes } else { scopes };
            let scopes = if scopes.is_empty() { "comfywarden:read".to_owned() } else { scopes.join(" ") };
            parts.push(format!("scope=\"{scopes}\""));
        }
        HeaderValue::from_str(&parts.join(", ")).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}

impl Door {
    fn new(settings: OAuth) -> Result<Self> {
        let expected = Expected {
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            longest_life: Duration::from_secs(settings.longest_life_seconds),
        };
        let keys = Keys::at(settings.jwks_url.clone())?;
        Ok(Self { settings, expected, keys })
    }

    async fn judge(&self, token: &str) -> Judged {
        let Some(keys) = self.keys.current().await else { return Judged::Unsure };
        let mut checked = verify_token(token, &keys, &self.expected, now_unix());
        if checked == Err(Refusal::UnknownKey)
            && let Some(keys) = self.keys.rotated().await
        {
            checked = verify_token(token, &keys, &self.expected, now_unix());
        }
        match checked {
            Ok(holder) => self.admit(&holder),
            Err(refusal) => {
                tracing::debug!(%refusal, "An access token is refused.");
                Judged::Wrong
            }
        }
    }

    fn admit(&self, holder: &Holder) -> Judged {
        let has = |scope: &str| holder.scopes.iter().any(|held| held == scope);
        let missing: Vec<String> = self.settings.scopes.iter().filter(|scope| !has(scope)).cloned().collect();
        let classes: Vec<Class> =
            SCOPES.iter().filter(|(scope, _)| has(scope)).map(|(_, class)| *class).collect();
        if !missing.is_empty() {
            return Judged::Narrow(missing);
        }
        if classes.is_empty() {
            return Judged::Narrow(vec!["comfywarden:read".to_owned()]);
        }
        // The subject is a name that the issuer chose; its digest is as good for telling callers apart.
        let subject = digest(&format!("{}\n{}", self.expected.issuer, holder.subject));
        let id: String =
            subject.iter().take(6).fold("user-".to_owned(), |id, byte| format!("{id}{byte:02x}"));
        let profile = format!("comfywarden:{PROFILE}");
        let profiles = holder.scopes.iter().filter_map(|scope| scope.strip_prefix(&profile));
        // A profile that we do not know may have been meant to take away much, so nothing is left.
        let Some(view) = profiles.map(View::parse).try_fold(View::default(), |all, one| Some(all.and(one?)))
        else {
            return Judged::Narrow(vec![format!("{profile}core")]);
        };
        Judged::Known(held(Caller::with_classes(id, classes), has(&format!("comfywarden:{ENFORCE}"))), view)
    }
}

fn held(caller: Caller, enforced: bool) -> Caller {
    if enforced { caller.enforced() } else { caller }
}

impl Token {
    /// `sha256:` and 64 hexadecimal digits, then perhaps a blank and classes between `+`; or the token itself.
    fn read(text: &str) -> Result<Self> {
        let Some(hashed) = text.strip_prefix("sha256:") else {
            if text.len() < 16 {
                return Err(Error::invalid_input(
                    "a token in transport.remote.tokens has fewer than 16 characters",
                )
                .hint("make one with: openssl rand -hex 32"));
            }
            return Ok(Self {
                digest: digest(text),
                classes: Class::ALL.to_vec(),
                enforced: false,
                view: View::default(),
            });
        };
        let (hex, rights) = hashed.split_once(' ').unwrap_or((hashed, ""));
        let bytes: Option<Vec<u8>> = (0..hex.len() / 2)
            .map(|i| hex.get(2 * i..2 * i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
            .collect();
        let digest =
            bytes.filter(|_| hex.len() == 64).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
                Error::invalid_input(
                    "a token in transport.remote.tokens starts with sha256: but is no SHA-256",
                )
                .hint("make one with: printf %s TOKEN | sha256sum")
            })?;
        let mut token = Self { digest, classes: Vec::new(), enforced: false, view: View::default() };
        for word in rights.trim().split('+').filter(|word| !word.is_empty()) {
            if let Some(view) = word.strip_prefix(PROFILE).and_then(View::parse) {
                token.view = token.view.and(view);
                continue;
            }
            match Class::ALL.into_iter().find(|class| class.as_str() == word) {
                Some(class) => token.classes.push(class),
                None if word == ENFORCE => token.enforced = true,
                None => {
                    let message = format!("a token in transport.remote.tokens names the class `{word}`");
                    return Err(Error::invalid_input(message).hint(
                        "classes are read, file, workflow, generation, admin; `enforce` holds to that mode, \
                         `profile:core`, `profile:readonly` or `profile:compact` to that profile",
                    ));
                }
            }
        }
        if token.classes.is_empty() {
            token.classes = Class::ALL.to_vec();
        }
        Ok(token)
    }
}

/// A short name for the holder of a token, that tells nothing of the token.
fn name_of(digest: &[u8; 32]) -> String {
    let [a, b, c, d, ..] = digest;
    format!("token-{a:02x}{b:02x}{c:02x}{d:02x}")
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// The token of a request. Two of them are none.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let (scheme, token) = sent.next()?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && sent.next().is_none()).then(|| token.trim())
}

fn refuse(status: StatusCode, challenge: Option<HeaderValue>, message: &str) -> Response {
    let kind = if status == StatusCode::UNAUTHORIZED { "unauthenticated" } else { "denied" };
    let mut response = (status, axum::Json(json!({ "kind": kind, "message": message }))).into_response();
    if let Some(challenge) = challenge {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Lets a request through with its caller attached, or answers with what is missing.
pub(super) async fn identify(
    State(access): State<Arc<Access>>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let sent = request.headers().contains_key(header::AUTHORIZATION);
    let token = bearer(request.headers()).map(str::to_owned);
    let tried = token.as_deref().filter(|_| access.wants_token());
    if let (Some(address), Some(token)) = (address, tried)
        && let Some(wait) = access.failures.wait(address)
        && !access.was_good(token)
    {
        let mut response =
            refuse(StatusCode::TOO_MANY_REQUESTS, None, "too many wrong tokens from this address");
        response.headers_mut().insert(header::RETRY_AFTER, (wait.as_secs() + 1).into());
        return response;
    }
    let (caller, view) = match access.judge(token.as_deref()).await {
        Judged::Known(caller, view) => (caller, view),
        Judged::Nobody | Judged::Wrong => {
            if let Some(address) = address.filter(|_| sent) {
                access.failures.count(address);
            }
            let challenge = access.challenge(sent.then_some("invalid_token"), &[]);
            return refuse(StatusCode::UNAUTHORIZED, Some(challenge), "a valid bearer token is required");
        }
        Judged::Narrow(missing) => {
            let challenge = access.challenge(Some("insufficient_scope"), &missing);
            let message = format!("the token lacks the scope {}", missing.join(" "));
            return refuse(StatusCode::FORBIDDEN, Some(challenge), &message);
        }
        Judged::Unsure => {
            let mut response =
                refuse(StatusCode::SERVICE_UNAVAILABLE, None, "the issuer of tokens does not answer");
            response.headers_mut().insert(header::RETRY_AFTER, 30.into());
            return response;
        }
    };
    if let Some(token) = tried {
        access.is_good(token);
    }
    if !access.sessions.admits(request.headers(), caller.id()) {
        return refuse(StatusCode::NOT_FOUND, None, "no such session");
    }
    let ended = (request.method() == Method::DELETE).then(|| request.headers().clone());
    request.extensions_mut().insert(caller.clone());
    request.extensions_mut().insert(TokenView(view));
    let response = next.run(request).await;
    access.sessions.learn(response.headers(), caller.id());
    if let Some(headers) = ended {
        access.sessions.forget(&headers);
    }
    response
}

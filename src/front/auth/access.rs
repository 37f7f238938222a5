//! Authenticates HTTP requests: the holder of a token, or the local user where no token is configured.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};
use indexmap::IndexSet;
use rmcp::transport::streamable_http_server::session::{SessionManager as _, local::LocalSessionManager};
use secrecy::ExposeSecret;
use subtle::{Choice, ConstantTimeEq};

use super::{
    failures::FailedAttempts,
    jwks::PublishedKeys,
    metadata,
    tokens::{ENFORCE, PROFILE, Token, digest, held, key_id_of},
};
use crate::front::http::{
    errors::{refusal, refusal_for_now},
    sessions::Sessions,
};
use crate::{
    config::{OAuth, Remote},
    front::{
        auth::jwt::{ExpectedClaims, TokenError, TokenSubject, looks_like_jwt, verify as verify_jwt},
        mcp::TokenView,
    },
    gate::{Caller, Class, Role, signed_state::now_unix},
    tools::ToolFilter,
};
use comfywarden_error::{Error, Kind, Result};

/// Scopes of access tokens and the classes that they grant.
pub(in crate::front) const SCOPES: [(&str, Class); 5] = [
    ("comfywarden:read", Class::Read),
    ("comfywarden:file", Class::File),
    ("comfywarden:workflow", Class::Workflow),
    ("comfywarden:generation", Class::Generation),
    ("comfywarden:admin", Class::Admin),
];
/// Bounds the valid tokens that are remembered.
const MAX_REMEMBERED: usize = 4_096;

/// Authenticates requests. Of configured tokens only the SHA-256 is kept.
pub struct Access {
    tokens: Vec<Token>,
    oauth: Option<OAuthVerifier>,
    /// Recently accepted tokens: they still pass while their address is blocked for wrong ones.
    valid_tokens: Mutex<IndexSet<[u8; 32]>>,
    failures: FailedAttempts,
    sessions: Sessions,
    session_manager: Arc<LocalSessionManager>,
}

/// Verifies access tokens of an OAuth server.
struct OAuthVerifier {
    settings: OAuth,
    expected: ExpectedClaims,
    keys: PublishedKeys,
}

/// Marks a request whose rights come from the scopes of its token.
#[derive(Debug, Clone, Copy)]
pub(in crate::front) struct LimitedByScopes;

/// An authenticated request: its caller, its view of the catalogue, and whether scopes set its rights.
struct Authenticated {
    caller: Caller,
    view: ToolFilter,
    by_scopes: bool,
}

/// Result of checking the token of a request.
enum Authentication {
    Valid(Authenticated),
    /// A token is required and there is none.
    Missing,
    Invalid,
    /// The token is valid and lacks these scopes.
    InsufficientScope(Vec<String>),
    /// The keys of the issuer cannot be fetched.
    IssuerUnavailable,
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
    /// Reads the configured tokens and the OAuth settings; an error names the token that cannot be read.
    pub fn new(remote: &Remote) -> Result<Self> {
        let tokens = remote.tokens.iter().map(|token| Token::read(token.expose_secret()));
        let oauth = remote.oauth.clone().map(OAuthVerifier::new).transpose()?;
        Ok(Self {
            tokens: tokens.collect::<Result<_>>()?,
            oauth,
            valid_tokens: Mutex::default(),
            failures: FailedAttempts::default(),
            sessions: Sessions::default(),
            session_manager: Arc::default(),
        })
    }

    /// True when a caller must show a token.
    pub fn wants_token(&self) -> bool {
        !self.tokens.is_empty() || self.oauth.is_some()
    }

    /// Session manager of MCP; a caller's oldest session is closed here when it begins too many.
    pub(in crate::front) fn session_manager(&self) -> Arc<LocalSessionManager> {
        Arc::clone(&self.session_manager)
    }

    async fn authenticate(&self, token: Option<&str>) -> Authentication {
        if !self.wants_token() {
            let (caller, view) = (Caller::local(), ToolFilter::default());
            return Authentication::Valid(Authenticated { caller, view, by_scopes: false });
        }
        let Some(token) = token else { return Authentication::Missing };
        if let Some((caller, view)) = self.configured(token) {
            return Authentication::Valid(Authenticated { caller, view, by_scopes: false });
        }
        match self.oauth.as_ref().filter(|_| looks_like_jwt(token)) {
            Some(verifier) => verifier.authenticate(token).await,
            None => Authentication::Invalid,
        }
    }

    /// Finds the holder of a configured token. Compares with every token, in constant time.
    fn configured(&self, token: &str) -> Option<(Caller, ToolFilter)> {
        let given = digest(token);
        let matches: Vec<Choice> = self.tokens.iter().map(|known| known.digest.ct_eq(&given)).collect();
        let mut found = None;
        for (known, matching) in self.tokens.iter().zip(matches) {
            if bool::from(matching) {
                found = Some(known);
            }
        }
        found.map(|known| {
            let key_id = key_id_of(&given);
            let caller = Caller::with_classes(format!("token-{key_id}"), known.classes.clone())
                .with_role(self.role_of_tokens())
                .with_key_id(key_id);
            (held(caller, known.enforced), known.view)
        })
    }

    /// The one token of a server is its operator's; of several, each sees its own jobs.
    fn role_of_tokens(&self) -> Role {
        if self.tokens.len() == 1 && self.oauth.is_none() { Role::Operator } else { Role::Member }
    }

    fn is_remembered(&self, token: &str) -> bool {
        self.valid_tokens.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest(token))
    }

    fn remember_valid(&self, token: &str) {
        let mut valid = self.valid_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = valid.insert(digest(token));
        if is_new && valid.len() > MAX_REMEMBERED {
            valid.shift_remove_index(0);
        }
    }

    /// Builds the challenge for a call beyond the caller's scopes. Names the granted scopes as well, so that a client
    /// which asks for exactly these scopes loses none.
    pub(in crate::front) fn step_up(&self, caller: &Caller, class: Class) -> HeaderValue {
        let required =
            self.oauth.iter().flat_map(|verifier| verifier.settings.scopes.iter().map(String::as_str));
        let opens = |(_, opened): &&(&str, Class)| *opened == class || caller.may(*opened);
        let mut scopes: Vec<String> = required.map(str::to_owned).collect();
        for (scope, _) in SCOPES.iter().filter(opens) {
            if !scopes.iter().any(|known| known == scope) {
                scopes.push((*scope).to_owned());
            }
        }
        self.challenge(Some("insufficient_scope"), &scopes)
    }

    /// Tells how to get and send a token, and nothing about the configured ones.
    fn next_step(&self) -> String {
        let mut ways = Vec::new();
        if !self.tokens.is_empty() {
            ways.push("a token that the operator set in `transport.remote.tokens`".to_owned());
        }
        if let Some(verifier) = &self.oauth {
            let url =
                metadata::address(&verifier.settings).unwrap_or_else(|| metadata::WELL_KNOWN.to_owned());
            ways.push(format!("an access token of the server that {url} names"));
        }
        format!("send one header `Authorization: Bearer …` with {}", ways.join(", or "))
    }

    /// Builds the challenge of RFC 6750, with the metadata address of RFC 9728 where OAuth is configured.
    fn challenge(&self, error: Option<&str>, scopes: &[String]) -> HeaderValue {
        let mut parts = vec!["Bearer realm=\"comfywarden\"".to_owned()];
        parts.extend(error.map(|error| format!("error=\"{error}\"")));
        if let Some(verifier) = &self.oauth {
            parts.extend(
                metadata::address(&verifier.settings).map(|url| format!("resource_metadata=\"{url}\"")),
            );
            let scopes = if scopes.is_empty() { &verifier.settings.scopes } else { scopes };
            let scopes = if scopes.is_empty() { "comfywarden:read".to_owned() } else { scopes.join(" ") };
            parts.push(format!("scope=\"{scopes}\""));
        }
        HeaderValue::from_str(&parts.join(", ")).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}

impl OAuthVerifier {
    fn new(settings: OAuth) -> Result<Self> {
        let expected = ExpectedClaims {
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            longest_life: Duration::from_secs(settings.longest_life_seconds),
        };
        let keys = PublishedKeys::at(settings.jwks_url.clone())?;
        Ok(Self { settings, expected, keys })
    }

    async fn authenticate(&self, token: &str) -> Authentication {
        let Some(keys) = self.keys.current().await else { return Authentication::IssuerUnavailable };
        let mut checked = verify_jwt(token, &keys, &self.expected, now_unix());
        if checked == Err(TokenError::UnknownKey)
            && let Some(keys) = self.keys.rotated().await
        {
            checked = verify_jwt(token, &keys, &self.expected, now_unix());
        }
        match checked {
            Ok(holder) => self.admit(&holder),
            Err(error) => {
                tracing::debug!(%error, "An access token is refused.");
                Authentication::Invalid
            }
        }
    }

    fn admit(&self, holder: &TokenSubject) -> Authentication {
        let has = |scope: &str| holder.scopes.iter().any(|held| held == scope);
        let missing: Vec<String> = self.settings.scopes.iter().filter(|scope| !has(scope)).cloned().collect();
        let classes: Vec<Class> =
            SCOPES.iter().filter(|(scope, _)| has(scope)).map(|(_, class)| *class).collect();
        if !missing.is_empty() {
            return Authentication::InsufficientScope(missing);
        }
        if classes.is_empty() {
            return Authentication::InsufficientScope(vec!["comfywarden:read".to_owned()]);
        }
        // The subject is a name that the issuer chose; its digest is as good for telling callers apart.
        let subject = digest(&format!("{}\n{}", self.expected.issuer, holder.subject));
        let id: String =
            subject.iter().take(6).fold("user-".to_owned(), |id, byte| format!("{id}{byte:02x}"));
        let profile = format!("comfywarden:{PROFILE}");
        let profiles = holder.scopes.iter().filter_map(|scope| scope.strip_prefix(&profile));
        // A profile that we do not know may have been meant to take away much, so nothing is left.
        let Some(view) =
            profiles.map(ToolFilter::parse).try_fold(ToolFilter::default(), |all, one| Some(all.and(one?)))
        else {
            return Authentication::InsufficientScope(vec![format!("{profile}core")]);
        };
        let caller = held(Caller::with_classes(id, classes), has(&format!("comfywarden:{ENFORCE}")));
        Authentication::Valid(Authenticated { caller, view, by_scopes: true })
    }
}

/// Reads the bearer token of a request; several `Authorization` headers count as none.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let (scheme, token) = sent.next()?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && sent.next().is_none()).then(|| token.trim())
}

fn challenged(status: StatusCode, challenge: HeaderValue, error: &Error) -> Response {
    let mut response = refusal(status, error);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// Authenticates a request, or builds the response that says what is missing.
async fn admit(
    access: &Access,
    address: Option<IpAddr>,
    headers: &HeaderMap,
) -> std::result::Result<Authenticated, Response> {
    let sent = headers.contains_key(header::AUTHORIZATION);
    let token = bearer(headers);
    let tried = token.filter(|_| access.wants_token());
    if let (Some(address), Some(token)) = (address, tried)
        && let Some(wait) = access.failures.wait(address)
        && !access.is_remembered(token)
    {
        let error = Error::new(Kind::RateLimited, "too many wrong tokens from this address")
            .hint("wait, then send a good token; those that were good before go on");
        return Err(refusal_for_now(StatusCode::TOO_MANY_REQUESTS, error, wait.as_secs() + 1));
    }
    let admitted = match access.authenticate(token).await {
        Authentication::Valid(admitted) => admitted,
        Authentication::Missing | Authentication::Invalid => {
            if let Some(address) = address.filter(|_| sent) {
                access.failures.count(address);
            }
            let challenge = access.challenge(sent.then_some("invalid_token"), &[]);
            let error = Error::new(Kind::Unauthenticated, "a valid bearer token is required")
                .hint(access.next_step());
            return Err(challenged(StatusCode::UNAUTHORIZED, challenge, &error));
        }
        Authentication::InsufficientScope(missing) => {
            let challenge = access.challenge(Some("insufficient_scope"), &missing);
            let error = Error::denied(format!("the token lacks the scope {}", missing.join(" ")))
                .hint("ask the authorization server for a token with this scope");
            return Err(challenged(StatusCode::FORBIDDEN, challenge, &error));
        }
        Authentication::IssuerUnavailable => {
            let error = Error::new(Kind::Unavailable, "the issuer of tokens does not answer")
                .hint("try again later; the operator looks at `transport.remote.oauth.jwks_url`");
            return Err(refusal_for_now(StatusCode::SERVICE_UNAVAILABLE, error, 30));
        }
    };
    if let Some(token) = tried {
        access.remember_valid(token);
    }
    Ok(admitted)
}

fn address(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
}

/// Middleware for open routes: no token is needed, but one that is sent must be valid.
pub(in crate::front) async fn optional_auth(
    State(access): State<Arc<Access>>,
    request: Request,
    next: Next,
) -> Response {
    let sent = request.headers().contains_key(header::AUTHORIZATION);
    if sent && let Err(refusal) = admit(&access, address(&request), request.headers()).await {
        // A good token that opens nothing is good enough for what needs none.
        if refusal.status() != StatusCode::FORBIDDEN {
            return refusal;
        }
    }
    next.run(request).await
}

/// Middleware for MCP: attaches the caller to the request, or answers with what is missing.
pub(in crate::front) async fn require_auth(
    State(access): State<Arc<Access>>,
    mut request: Request,
    next: Next,
) -> Response {
    let admitted = admit(&access, address(&request), request.headers()).await;
    let Authenticated { caller, view, by_scopes } = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal,
    };
    if !access.sessions.admits(request.headers(), caller.name()) {
        let error = Error::not_found("no such session").hint("begin a new one with initialize");
        return refusal(StatusCode::NOT_FOUND, &error);
    }
    let ended = (request.method() == Method::DELETE).then(|| request.headers().clone());
    request.extensions_mut().insert(caller.clone());
    request.extensions_mut().insert(TokenView(view));
    if by_scopes {
        request.extensions_mut().insert(LimitedByScopes);
    }
    let response = next.run(request).await;
    if let Some(oldest) = access.sessions.learn(response.headers(), caller.name()) {
        access.session_manager.close_session(&oldest.into()).await.ok();
    }
    if let Some(headers) = ended {
        access.sessions.forget(&headers);
    }
    response
}

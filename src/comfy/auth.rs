//! The credential for a ComfyUI behind a proxy or in the cloud. It goes to the base URL's origin and nowhere else.

use base64::Engine as _;
use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};

use super::{Error, Result, endpoint::encode};

/// Credential that ComfyUI, or a proxy before it, expects.
#[derive(Debug, Clone, Default)]
pub enum Auth {
    /// It does not ask.
    #[default]
    None,
    /// `Authorization: Bearer …`.
    Bearer(SecretString),
    /// `Authorization: Basic …`.
    Basic {
        /// The user's name.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// Any header, such as `X-API-Key`.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: SecretString,
    },
    /// A parameter of the query.
    Query {
        /// Its name.
        name: String,
        /// Its value.
        value: SecretString,
    },
}

/// An [`Auth`] made ready to be sent. Its `Debug` shows no secret.
#[derive(Debug, Default)]
pub(crate) struct Credential {
    header: Option<(HeaderName, HeaderValue)>,
    query: Option<SecretString>,
}

impl Credential {
    /// Checks that the credential can be sent at all.
    pub(crate) fn new(auth: &Auth) -> Result<Self> {
        let header = |name: HeaderName, value: &str| {
            let mut value = HeaderValue::from_str(value).map_err(|_| {
                Error::Config(
                    "comfyui.auth: the secret holds a character that no HTTP header can carry".into(),
                )
            })?;
            value.set_sensitive(true);
            Ok(Self { header: Some((name, value)), query: None })
        };
        match auth {
            Auth::None => Ok(Self::default()),
            Auth::Bearer(token) => header(AUTHORIZATION, &format!("Bearer {}", token.expose_secret())),
            Auth::Basic { user, password } => {
                let pair = format!("{user}:{}", password.expose_secret());
                header(
                    AUTHORIZATION,
                    &format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)),
                )
            }
            Auth::Header { name, value } => {
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
                    Error::Config(format!("comfyui.auth: `{name}` is not the name of an HTTP header"))
                })?;
                header(name, value.expose_secret())
            }
            Auth::Query { name, value } => {
                let mut pair = String::new();
                encode(name, &mut pair);
                pair.push('=');
                encode(value.expose_secret(), &mut pair);
                Ok(Self { header: None, query: Some(pair.into()) })
            }
        }
    }

    /// Adds the credential to the headers, if it is one.
    pub(crate) fn add_header(&self, headers: &mut HeaderMap) {
        if let Some((name, value)) = &self.header {
            headers.insert(name, value.clone());
        }
    }

    /// Adds the credential to the query, if it belongs there.
    pub(crate) fn add_query(&self, query: &mut String) {
        if let Some(pair) = &self.query {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(pair.expose_secret());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_each_kind_in_its_place() {
        let sent = |auth: Auth| {
            let credential = Credential::new(&auth).unwrap();
            let (mut headers, mut query) = (HeaderMap::new(), String::from("a=b"));
            credential.add_header(&mut headers);
            credential.add_query(&mut query);
            let header = headers.iter().next().map(|(n, v)| format!("{n}: {}", v.to_str().unwrap()));
            (header, query)
        };
        assert_eq!(sent(Auth::None), (None, "a=b".into()));
        assert_eq!(sent(Auth::Bearer("t".into())), (Some("authorization: Bearer t".into()), "a=b".into()));
        let basic = Auth::Basic { user: "u".into(), password: "p".into() };
        assert_eq!(sent(basic), (Some("authorization: Basic dTpw".into()), "a=b".into()));
        let header = Auth::Header { name: "X-API-Key".into(), value: "k".into() };
        assert_eq!(sent(header), (Some("x-api-key: k".into()), "a=b".into()));
        let query = Auth::Query { name: "token".into(), value: "a&b".into() };
        assert_eq!(sent(query), (None, "a=b&token=a%26b".into()));
    }

    #[test]
    fn never_shows_the_secret() {
        for auth in [
            Auth::Bearer("hunter2".into()),
            Auth::Basic { user: "u".into(), password: "hunter2".into() },
            Auth::Header { name: "X-API-Key".into(), value: "hunter2".into() },
            Auth::Query { name: "token".into(), value: "hunter2".into() },
        ] {
            let shown = format!("{auth:?} {:?}", Credential::new(&auth).unwrap());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let bad = Credential::new(&Auth::Bearer("hunter2\n".into())).unwrap_err();
        assert!(!bad.to_string().contains("hunter2"));
    }
}

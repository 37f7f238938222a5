//! Serializes secrets as a mask, so that a printed configuration shows only whether one is set.

use secrecy::{ExposeSecret, SecretString};
use serde::Serializer;
use serde::ser::SerializeSeq;

const MASK: &str = "***";

fn mask(secret: &SecretString) -> &'static str {
    if secret.expose_secret().is_empty() { "" } else { MASK }
}

/// Writes `***` for a secret that is set and an empty text for one that is not.
pub(super) fn masked<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(mask(secret))
}

/// Writes one mask per secret.
pub(super) fn masked_list<S: Serializer>(secrets: &[SecretString], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(secrets.len()))?;
    for secret in secrets {
        list.serialize_element(mask(secret))?;
    }
    list.end()
}

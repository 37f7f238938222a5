//! Who is calling, and how one call is told from another.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::contract::Class;
use comfywarden_error::{Error, Result};

/// Who asks: the local user on stdio, or the holder of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    id: Arc<str>,
    classes: Vec<Class>,
    local: bool,
    enforced: bool,
}

impl Caller {
    /// The user at this machine, over stdio. May use every class.
    pub fn local() -> Self {
        Self { id: "local".into(), classes: Class::ALL.to_vec(), local: true, enforced: false }
    }

    /// A caller known by `id` who may use these classes only.
    pub fn with_classes(id: impl Into<Arc<str>>, classes: impl IntoIterator<Item = Class>) -> Self {
        Self { id: id.into(), classes: classes.into_iter().collect(), local: false, enforced: false }
    }

    /// The name in logs and bucket keys. Never a secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The same name, to be kept.
    pub(crate) fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    /// True when this caller may use tools of `class`.
    pub fn may(&self, class: Class) -> bool {
        self.classes.contains(&class)
    }

    /// The same caller, held to mode `enforce` whatever the configuration says. There is no way back: what a caller
    /// brings along can make the rules stricter and never laxer.
    #[must_use]
    pub fn enforced(self) -> Self {
        Self { enforced: true, ..self }
    }

    /// True when mode `enforce` holds for this caller in any case.
    pub fn is_enforced(&self) -> bool {
        self.enforced
    }

    /// True for the user at this machine.
    pub fn is_local(&self) -> bool {
        self.local
    }
}

/// One call, from the first question to the last answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(u64);

impl CallId {
    /// A new, random id.
    #[expect(clippy::new_without_default, reason = "a random value is no default")]
    pub fn new() -> Self {
        let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
        // Folding both halves keeps all random bits away from the fixed version and variant bits.
        Self(high ^ low.rotate_left(32))
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for CallId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let plain = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = plain.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or_else(|| Error::invalid_input("a call id has 16 hexadecimal digits"))
    }
}

impl Serialize for CallId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CallId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| serde::de::Error::custom("not a call id"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_may_use_only_the_named_classes() {
        let caller = Caller::with_classes("key-1", [Class::Read]);
        assert!(caller.may(Class::Read) && !caller.may(Class::Admin) && !caller.is_local());
        assert!(Class::ALL.iter().all(|class| Caller::local().may(*class)));
    }

    #[test]
    fn a_call_id_survives_its_text() {
        let id = CallId::new();
        assert_eq!(id.to_string().parse::<CallId>().unwrap(), id);
        assert!("+fffffffffffffff".parse::<CallId>().is_err());
    }
}

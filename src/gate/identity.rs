//! Identity of callers and of calls.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::contract::Class;
use comfywarden_error::{Error, Result};

/// Rights of a caller over the jobs of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sees and stops every job: the only one who uses this server.
    Operator,
    /// Sees and stops the jobs of its tenant.
    Member,
}

/// A caller: the local user on stdio, or the holder of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    name: Arc<str>,
    tenant: Arc<str>,
    role: Role,
    key_id: Option<Arc<str>>,
    classes: Vec<Class>,
    local: bool,
    enforced: bool,
}

impl Caller {
    /// The user at this machine, over stdio. May use every class and sees every job.
    pub fn local() -> Self {
        let name: Arc<str> = "local".into();
        Self {
            tenant: Arc::clone(&name),
            name,
            role: Role::Operator,
            key_id: None,
            classes: Class::ALL.to_vec(),
            local: true,
            enforced: false,
        }
    }

    /// A caller who may use these classes only, and is a tenant by itself.
    pub fn with_classes(name: impl Into<Arc<str>>, classes: impl IntoIterator<Item = Class>) -> Self {
        let name = name.into();
        Self {
            tenant: Arc::clone(&name),
            name,
            role: Role::Member,
            key_id: None,
            classes: classes.into_iter().collect(),
            local: false,
            enforced: false,
        }
    }

    /// Gives the caller a role.
    #[must_use]
    pub fn with_role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    /// Names the key that authenticated the caller.
    #[must_use]
    pub fn with_key_id(self, key_id: impl Into<Arc<str>>) -> Self {
        Self { key_id: Some(key_id.into()), ..self }
    }

    /// Unique name, in logs and bucket keys. Never a secret.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Unique name, to be kept.
    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Owner of the jobs and files that this caller makes. Callers of one tenant share them.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Role of the caller.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Id of the key that authenticated the caller; `None` for the local user and for tokens of an OAuth server.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// True when this caller sees and stops the jobs of every tenant.
    pub fn sees_all_jobs(&self) -> bool {
        self.role == Role::Operator
    }

    /// True when this caller may use tools of `class`.
    pub fn may(&self, class: Class) -> bool {
        self.classes.contains(&class)
    }

    /// Holds the caller to mode `enforce` whatever the configuration says. There is no way back: what a caller brings
    /// along can make the rules stricter and never laxer.
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

/// Id of one call, from the first question to the last answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(u64);

impl CallId {
    /// Creates a random id.
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
    fn a_member_is_a_tenant_by_itself_and_only_the_operator_sees_all_jobs() {
        let member = Caller::with_classes("key-1", [Class::Read]);
        assert_eq!((member.tenant(), member.role(), member.key_id()), ("key-1", Role::Member, None));
        assert!(!member.sees_all_jobs() && Caller::local().sees_all_jobs());
        let operator = member.with_role(Role::Operator).with_key_id("ab12");
        assert_eq!((operator.sees_all_jobs(), operator.key_id()), (true, Some("ab12")));
    }

    #[test]
    fn a_call_id_survives_its_text() {
        let id = CallId::new();
        assert_eq!(id.to_string().parse::<CallId>().unwrap(), id);
        assert!("+fffffffffffffff".parse::<CallId>().is_err());
    }
}

//! Owners of sessions: a session id is not a credential, and another caller's session does not exist for this one.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use axum::http::HeaderMap;

/// Header that names a session.
const SESSION: &str = "mcp-session-id";
/// Limit for remembered sessions; beyond it the oldest half is forgotten, which ends those sessions.
const MAX_SESSIONS: usize = 10_000;
/// Limit for sessions of one caller; another one ends its oldest.
const MAX_PER_CALLER: usize = 256;

/// Maps each session to the caller who began it.
#[derive(Debug, Default)]
pub(in crate::front) struct Sessions(Mutex<HashMap<String, (u64, String)>>);

impl Sessions {
    /// True when the request names no session, or one that this caller began.
    pub(in crate::front) fn admits(&self, headers: &HeaderMap, caller: &str) -> bool {
        let mut named = headers.get_all(SESSION).iter();
        let Some(id) = named.next() else { return true };
        let Some(id) = id.to_str().ok().filter(|_| named.next().is_none()) else { return false };
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(id).is_some_and(|(_, owner)| owner == caller)
    }

    /// Remembers who began the session that a response names. Returns the session that has to end for it.
    pub(in crate::front) fn learn(&self, answer: &HeaderMap, caller: &str) -> Option<String> {
        let id = answer.get(SESSION).and_then(|id| id.to_str().ok())?;
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.contains_key(id) {
            return None;
        }
        let newest = sessions.values().map(|(number, _)| *number).max().unwrap_or(0);
        if sessions.len() >= MAX_SESSIONS {
            let limit = newest.saturating_sub(MAX_SESSIONS as u64 / 2);
            sessions.retain(|_, (number, _)| *number > limit);
        }
        sessions.insert(id.to_owned(), (newest + 1, caller.to_owned()));
        let own = || sessions.iter().filter(|(_, (_, owner))| owner == caller);
        if own().count() <= MAX_PER_CALLER {
            return None;
        }
        let oldest = own().min_by_key(|(_, (number, _))| *number).map(|(id, _)| id.clone())?;
        sessions.remove(&oldest);
        Some(oldest)
    }

    /// Forgets the session that its caller ended.
    pub(in crate::front) fn forget(&self, headers: &HeaderMap) {
        if let Some(id) = headers.get(SESSION).and_then(|id| id.to_str().ok()) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming(id: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(SESSION, id.parse().unwrap());
        headers
    }

    #[test]
    fn a_session_belongs_to_the_caller_who_began_it() {
        let sessions = Sessions::default();
        sessions.learn(&naming("s1"), "a");
        assert!(sessions.admits(&naming("s1"), "a") && sessions.admits(&HeaderMap::new(), "b"));
        assert!(!sessions.admits(&naming("s1"), "b") && !sessions.admits(&naming("s2"), "a"));
        sessions.learn(&naming("s1"), "b");
        assert!(!sessions.admits(&naming("s1"), "b"), "it cannot be taken over");
        let mut twice = naming("s1");
        twice.append(SESSION, "s1".parse().unwrap());
        assert!(!sessions.admits(&twice, "a"));
        sessions.forget(&naming("s1"));
        assert!(!sessions.admits(&naming("s1"), "a"));
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_the_newest() {
        let sessions = Sessions::default();
        for n in 0..MAX_SESSIONS + 10 {
            sessions.learn(&naming(&n.to_string()), &n.to_string());
        }
        assert!(sessions.0.lock().unwrap().len() <= MAX_SESSIONS);
        let last = (MAX_SESSIONS + 9).to_string();
        assert!(sessions.admits(&naming(&last), &last));
    }

    #[test]
    fn a_caller_who_begins_too_many_ends_its_own_oldest_and_nobody_elses() {
        let sessions = Sessions::default();
        assert_eq!(sessions.learn(&naming("of b"), "b"), None);
        for n in 0..MAX_PER_CALLER {
            assert_eq!(sessions.learn(&naming(&n.to_string()), "a"), None);
        }
        assert_eq!(sessions.learn(&naming("more"), "a").as_deref(), Some("0"));
        assert!(sessions.admits(&naming("of b"), "b") && sessions.admits(&naming("more"), "a"));
        assert!(!sessions.admits(&naming("0"), "a"));
    }
}

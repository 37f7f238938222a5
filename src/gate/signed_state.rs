//! Signed state of a question: binds the answer to the caller, the call and its arguments, for a limited time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::identity::{CallId, Caller};
use comfywarden_error::{Error, JsonObject, Result};

/// State of a question until its answer comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedState {
    /// Call that asked.
    pub call_id: CallId,
    /// Tool of the call.
    pub tool: String,
    /// Id of the caller.
    pub caller: String,
    /// Digest of the arguments, see [`args_digest`].
    pub args_digest: String,
    /// Hash of the subject of the question.
    pub subject_hash: String,
    /// Hashes of what the user agreed to in earlier rounds of the same call.
    pub approved: Vec<String>,
    /// Seed that was drawn, so that the approved workflow can be built again.
    pub seed: Option<u64>,
    /// Id of the question, so that each is answered once.
    pub nonce: CallId,
    /// Expiry in seconds since 1970.
    pub expires_unix: u64,
}

/// Limit for answered questions that are remembered. Each is forgotten when its question expires.
const MAX_REDEEMED: usize = 65_536;

/// Signs and verifies [`SignedState`], with a key of this process or one that several processes share.
pub struct StateSigner {
    key: [u8; 32],
    redeemed: Mutex<HashMap<CallId, u64>>,
}

impl std::fmt::Debug for StateSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StateSigner")
    }
}

impl StateSigner {
    /// Creates a signer with a new random key.
    #[expect(clippy::new_without_default, reason = "a random key is no default")]
    pub fn new() -> Self {
        let mut random = Sha256::new();
        // Two random UUIDs hold 244 random bits; a crate for random bytes would add nothing.
        random.update(uuid::Uuid::new_v4().as_bytes());
        random.update(uuid::Uuid::new_v4().as_bytes());
        Self { key: random.finalize().into(), redeemed: Mutex::default() }
    }

    /// Creates a signer whose key is derived from a secret that other processes share. Each process remembers what was
    /// answered there, so an answer counts once in each.
    pub fn shared(secret: &str) -> Self {
        let key = Sha256::new().chain_update(b"comfywarden sealed state\0").chain_update(secret).finalize();
        Self { key: key.into(), redeemed: Mutex::default() }
    }

    /// Encodes and signs the state as opaque text.
    pub fn sign(&self, state: &SignedState) -> String {
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(state).unwrap_or_default());
        let tag = self.mac(&payload).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default();
        format!("{payload}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// Decodes the state; fails unless it is signed by us, unexpired, and made for this caller, tool and arguments.
    pub fn verify(
        &self,
        signed: &str,
        caller: &Caller,
        tool: &str,
        args: &JsonObject,
    ) -> Result<SignedState> {
        let state = self.verified(signed).ok_or_else(|| refuse("it was not made by this server"))?;
        if state.expires_unix <= now_unix() {
            return Err(refuse("the question has expired"));
        }
        if state.caller != caller.name() || state.tool != tool {
            return Err(refuse("it belongs to another call"));
        }
        if state.args_digest != args_digest(args) {
            return Err(refuse("the arguments are not the ones the user was asked about"));
        }
        Ok(state)
    }

    /// Reads the id of a question that this server signed.
    pub(crate) fn nonce(&self, signed: &str) -> Option<CallId> {
        self.verified(signed).map(|state| state.nonce)
    }

    /// Marks a question as answered. A second answer to it is refused, whoever brings it.
    pub fn redeem(&self, state: &SignedState) -> Result<()> {
        let now = now_unix();
        let mut redeemed = self.redeemed.lock().unwrap_or_else(PoisonError::into_inner);
        if redeemed.contains_key(&state.nonce) {
            return Err(refuse("the question was answered before"));
        }
        if redeemed.len() >= MAX_REDEEMED {
            redeemed.retain(|_, expires| *expires > now);
        }
        if redeemed.len() >= MAX_REDEEMED {
            return Err(refuse("too many questions were answered within their lifetime"));
        }
        redeemed.insert(state.nonce, state.expires_unix);
        Ok(())
    }

    fn verified(&self, signed: &str) -> Option<SignedState> {
        let (payload, tag) = signed.split_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        self.mac(payload)?.verify_slice(&tag).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    fn mac(&self, payload: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(payload.as_bytes());
        Some(mac)
    }
}

/// Current time in seconds since 1970.
pub fn now_unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// Hashes arguments independently of the order of their keys.
pub fn args_digest(args: &JsonObject) -> String {
    let mut hasher = Sha256::new();
    feed_object(&mut hasher, args);
    hex::encode(hasher.finalize())
}

fn feed(hasher: &mut Sha256, value: &Value) {
    match value {
        Value::Object(map) => feed_object(hasher, map),
        Value::Array(items) => {
            hasher.update(b"[");
            for item in items {
                feed(hasher, item);
                hasher.update(b",");
            }
            hasher.update(b"]");
        }
        // The JSON text of a scalar is unambiguous: strings are quoted and escaped.
        scalar => hasher.update(scalar.to_string()),
    }
}

fn feed_object(hasher: &mut Sha256, map: &JsonObject) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    hasher.update(b"{");
    for (key, value) in entries {
        hasher.update(Value::from(key.as_str()).to_string());
        hasher.update(b":");
        feed(hasher, value);
        hasher.update(b",");
    }
    hasher.update(b"}");
}

fn refuse(why: &str) -> Error {
    Error::denied(format!("the answer cannot be accepted: {why}"))
        .hint("make the call again to be asked again")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(args: &JsonObject) -> SignedState {
        SignedState {
            call_id: CallId::new(),
            tool: "comfyui_run_workflow".into(),
            caller: "local".into(),
            args_digest: args_digest(args),
            subject_hash: "ab".into(),
            approved: Vec::new(),
            seed: Some(u64::MAX),
            nonce: CallId::new(),
            expires_unix: now_unix() + 60,
        }
    }

    fn args(value: &Value) -> JsonObject {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn verifies_what_it_signed_whatever_the_order_of_the_arguments() {
        let signer = StateSigner::new();
        let state = state(&args(&json!({"a": 1, "b": {"x": 1, "y": [2]}})));
        let signed = signer.sign(&state);
        let again = args(&json!({"b": {"y": [2], "x": 1}, "a": 1}));
        assert_eq!(signer.verify(&signed, &Caller::local(), "comfyui_run_workflow", &again).unwrap(), state);
    }

    #[test]
    fn refuses_another_caller_tool_argument_key_time_or_byte() {
        let signer = StateSigner::new();
        let given = args(&json!({"a": 1}));
        let signed = signer.sign(&state(&given));
        let local = Caller::local();
        let tool = "comfyui_run_workflow";
        assert!(signer.verify(&signed, &Caller::with_classes("x", []), tool, &given).is_err());
        assert!(signer.verify(&signed, &local, "comfyui_other", &given).is_err());
        assert!(signer.verify(&signed, &local, tool, &args(&json!({"a": 2}))).is_err());
        assert!(StateSigner::new().verify(&signed, &local, tool, &given).is_err());
        let late = signer.sign(&SignedState { expires_unix: now_unix(), ..state(&given) });
        assert!(signer.verify(&late, &local, tool, &given).is_err());
        for at in (0..signed.len()).step_by(7) {
            let mut forged = signed.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert!(signer.verify(&forged, &local, tool, &given).is_err(), "byte {at}");
        }
    }

    #[test]
    fn replicas_with_one_secret_verify_each_others_questions() {
        let given = args(&json!({"a": 1}));
        let signed = StateSigner::shared("one").sign(&state(&given));
        let verify =
            |signer: StateSigner| signer.verify(&signed, &Caller::local(), "comfyui_run_workflow", &given);
        assert!(verify(StateSigner::shared("one")).is_ok());
        assert!(verify(StateSigner::shared("other")).is_err());
        assert!(verify(StateSigner::shared("")).is_err());
    }

    #[test]
    fn a_question_is_answered_once() {
        let signer = StateSigner::new();
        let first = state(&JsonObject::new());
        signer.redeem(&first).unwrap();
        let error = signer.redeem(&first).unwrap_err();
        assert!(error.message().contains("answered before"), "{error}");
        signer.redeem(&state(&JsonObject::new())).unwrap();
    }
}

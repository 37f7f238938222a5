//! The user's consent: the question, the answer, and the subject of both.

use sha2::{Digest as _, Sha256};

use super::{
    Call,
    reply::{Question, Stop},
};
use crate::gate::SignedState;
use comfywarden_error::{Error, JsonObject};
use comfywarden_policy::display;

/// Marks the hash of a subject, so that it can never pass for the hash of a workflow.
const SUBJECT: &str = "subject:";
/// Maximum number of characters of a question.
const MAX_QUESTION: usize = 2_000;
/// Maximum number of questions of one call. A tool whose subject changes from round to round must come to an
/// end.
const MAX_ROUNDS: usize = 4;

/// The user's will, as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct Consent {
    /// The client can put a question to the user.
    pub(crate) can_ask: bool,
    /// The answer to the question of an earlier round, if this call continues one.
    pub(crate) answer: Option<bool>,
    /// Signed state of that question: what it was about.
    pub(crate) about: Option<SignedState>,
}

impl Consent {
    /// True when the user declined, cancelled, or let the question time out.
    pub(super) fn said_no(&self) -> bool {
        self.answer == Some(false)
    }

    /// Everything this call asked about that the user agreed to.
    fn approved(&self) -> impl Iterator<Item = &str> {
        let about = self.about.as_ref();
        let now = about.filter(|_| self.answer == Some(true)).map(|about| about.subject_hash.as_str());
        let before = about.map(|about| about.approved.as_slice()).unwrap_or_default();
        before.iter().map(String::as_str).chain(now)
    }

    /// The hash of the workflow that the user agreed to.
    pub(super) fn approved_workflow(&self) -> Option<String> {
        self.approved().find(|hash| !hash.starts_with(SUBJECT)).map(str::to_owned)
    }

    /// A question about `subject_hash` that remembers the earlier answers.
    pub(super) fn ask(&self, text: String, subject_hash: String, seed: Option<u64>) -> Question {
        Question { text, subject_hash, approved: self.approved().map(str::to_owned).collect(), seed }
    }
}

impl Call {
    /// Fails unless the user agreed or agrees. `question` says what will happen, as a yes-or-no question;
    /// `subject` is everything that a yes is about (name, version, address, target): what was approved is
    /// what runs.
    ///
    /// A no, a closed dialog and a question nobody answered in time refuse; so does a client that cannot be asked.
    pub fn confirm(&self, question: &str, subject: &str) -> Result<(), Stop> {
        self.consented(question, subject, "use a client that supports elicitation")
    }

    /// Confirms a change to the server, for which the operator may have answered once and for all.
    pub fn confirm_admin(&self, question: &str, subject: &str) -> Result<(), Stop> {
        match self.settings.security.admin {
            comfywarden_policy::settings::Consent::Allow => Ok(()),
            comfywarden_policy::settings::Consent::Off => {
                let message = "tools that change the server are switched off: `security.admin` is `off`";
                Err(Error::denied(message)
                    .hint("the operator can set `security.admin` to `ask` or `allow`")
                    .detail("rule", "security.admin")
                    .into())
            }
            comfywarden_policy::settings::Consent::Ask => self.consented(
                question,
                subject,
                "use a client that supports elicitation, or the operator sets `security.admin` to `allow`",
            ),
        }
    }

    fn consented(&self, question: &str, subject: &str, otherwise: &str) -> Result<(), Stop> {
        let hash = hash_of(self.trail.tool(), subject);
        if self.consent.said_no() {
            self.note("elicitation_declined");
            return Err(Error::denied("the user did not agree")
                .hint("do something else, or ask the user what they want")
                .into());
        }
        if self.consent.approved().any(|approved| approved == hash) {
            self.note("elicitation_accepted");
            return Ok(());
        }
        let question = sanitize_question(question);
        if !self.consent.can_ask {
            let message = format!("this needs the user's word, and this client cannot be asked: {question}");
            return Err(Error::denied(message).hint(otherwise).into());
        }
        if self.consent.approved().count() >= MAX_ROUNDS {
            let message = "what the user agreed to is not what would be done now";
            return Err(Error::denied(message).hint("make the call again").into());
        }
        Err(Stop::Ask(self.consent.ask(question, hash, self.resumed_seed())))
    }

    pub(super) fn note(&self, action: &'static str) {
        self.trail.note(action, JsonObject::new());
    }
}

/// Hashes a subject together with the tool: a yes to an update is no yes to an uninstall of the same thing.
fn hash_of(tool: &str, subject: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(tool.as_bytes());
    hasher.update([0]);
    hasher.update(subject.as_bytes());
    format!("{SUBJECT}{}", hex::encode(hasher.finalize()))
}

/// The question on one screen, with nothing in it that acts on the screen.
fn sanitize_question(question: &str) -> String {
    let short: String = question.chars().take(MAX_QUESTION).collect();
    display::sanitize(&short).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_subject_depends_on_tool_and_subject_and_is_no_workflow() {
        let hash = hash_of("comfyui_install_custom_node", "pack 1.0");
        assert!(hash.starts_with(SUBJECT) && hash.len() == SUBJECT.len() + 64);
        assert_ne!(hash, hash_of("comfyui_install_custom_node", "pack 1.1"));
        assert_ne!(hash, hash_of("comfyui_update_custom_node", "pack 1.0"));
        let about = SignedState {
            call_id: crate::gate::CallId::new(),
            tool: "t".into(),
            caller: "local".into(),
            args_digest: String::new(),
            subject_hash: "workflow".into(),
            approved: vec![hash.clone()],
            seed: None,
            nonce: crate::gate::CallId::new(),
            expires_unix: 0,
        };
        let yes = Consent { can_ask: true, answer: Some(true), about: Some(about) };
        assert_eq!(yes.approved_workflow().as_deref(), Some("workflow"));
        assert_eq!(yes.approved().collect::<Vec<_>>(), [hash.as_str(), "workflow"]);
        let unanswered = Consent { answer: None, ..yes };
        assert_eq!(unanswered.approved_workflow(), None);
    }

    #[test]
    fn a_question_shows_what_would_act_on_the_screen() {
        assert_eq!(sanitize_question("Install \u{202e}x\u{1b}[2J?"), "Install \\u{202e}x\\x1b[2J?");
        assert_eq!(sanitize_question(&"x".repeat(9_999)).len(), MAX_QUESTION);
    }
}

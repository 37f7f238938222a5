//! Describes each kind of finding for readers of a SARIF log.

use serde_json::{Value, json};

use comfywarden_policy::{Flag, Severity};

/// Describes the rule behind findings of this kind.
pub(super) fn rule(flag: Flag) -> Value {
    let (short, full, help) = texts(flag);
    json!({
        "id": flag.as_str(),
        "name": pascal_case(flag.as_str()),
        "shortDescription": { "text": short },
        "fullDescription": { "text": full },
        "help": { "text": help },
        "defaultConfiguration": { "level": level(flag.severity()) },
    })
}

/// Returns SARIF's level for a severity.
pub(super) fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Paid => "note",
        Severity::Dangerous | Severity::Refused => "error",
    }
}

fn pascal_case(name: &str) -> String {
    let capital = |word: &str| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        first.to_ascii_uppercase() + rest
    };
    name.split('_').map(capital).collect()
}

/// Returns what the finding is, what can come of it, and what to do.
fn texts(flag: Flag) -> (&'static str, &'static str, &'static str) {
    match flag {
        Flag::DangerousNode => (
            "A node that can run code or reach files and the network",
            "The class of this node runs code, reads or writes any file, or talks to the network, so whoever wrote the workflow decides what the ComfyUI machine does.",
            "Remove the node, or run the workflow only when you trust its author and have read what the node is given.",
        ),
        Flag::CloudApiNode => (
            "A node that calls a paid service",
            "This node sends its inputs to a service outside of your network and costs money each time it runs.",
            "Replace it by a local node, or let the operator set a daily budget under `security.api_nodes.budget`.",
        ),
        Flag::ClassNotAllowed => (
            "A node class that is not on the allow-list",
            "In mode `enforce` only classes on the allow-list run, and this one is not on it.",
            "Remove the node, or let the operator add its class to `security.allowed_nodes`.",
        ),
        Flag::CodeInInput => (
            "Code in an input",
            "A text that is code, as it is or once it is decoded, stands in an input of a node that may run it.",
            "Read the text. Remove it if the node does not need it, or move prose to the input of a text encoder.",
        ),
        Flag::PathEscape => (
            "A path that leaves ComfyUI's folders",
            "A file name leads out of the folders that ComfyUI works in, or is read differently by different programs, so files of the machine may be read or overwritten.",
            "Use a name inside ComfyUI's input, output or temp folder, without `..`, drive, home folder or control characters.",
        ),
        Flag::SsrfUrl => (
            "A URL into the local network",
            "The ComfyUI machine would call an address of its own network, such as a cloud metadata service, or use a scheme that reads more than the web.",
            "Remove the URL, or use a public https address.",
        ),
        Flag::ExternalUrl => (
            "A URL to a foreign host",
            "The ComfyUI machine would call a host on the Internet when the workflow runs.",
            "Check that the host is meant, or replace the URL by a file.",
        ),
        Flag::SubgraphUnresolved => (
            "A subgraph that cannot be looked into",
            "The node stands for a graph that is not part of the file, so what would run is not known.",
            "Export the workflow in API format from a ComfyUI that has the subgraph.",
        ),
        Flag::DepthExceeded => (
            "Graphs, values or texts nested too deep",
            "The workflow nests deeper, or leads texts to more places, than any workflow that does something; such files are made to exhaust their readers.",
            "Flatten the workflow.",
        ),
        Flag::NodeReplacement => (
            "A node that the server replaces",
            "The server runs another class in this one's place, so what runs is not what the file says.",
            "Check the class that runs, and name it in the workflow.",
        ),
        Flag::Malformed => (
            "Not a workflow in API format",
            "ComfyUI would not take this file, or would read it differently from other programs.",
            "Save the workflow anew with the editor's export in API format.",
        ),
        Flag::SuspiciousClassName => (
            "A class name that is not what it looks like",
            "The name has characters of another script, invisible ones, or ones that look like others, so that it passes for another class.",
            "Type the class name anew.",
        ),
        Flag::ResourceAbuse => (
            "More work than any picture needs",
            "Size, steps, pictures or frames are beyond what ComfyUI can do, alone or together, and would block the server for all.",
            "Use smaller numbers, or split the work.",
        ),
        Flag::SecretInInput => (
            "A credential in the workflow",
            "ComfyUI stores the workflow in its history and in every picture that it makes, with the credential in it.",
            "Remove the credential, revoke it if the file was shared, and configure it on the server.",
        ),
        Flag::LlmInjection => (
            "Text addressed to an assistant",
            "The text gives orders to an assistant that may read the workflow.",
            "Remove the text if it is no prompt for a picture.",
        ),
        Flag::ControlChars => (
            "Characters that steer the display",
            "The text has characters that hide or reorder it, or that steer a terminal, so that people see something else than programs.",
            "Type the text anew.",
        ),
        Flag::PickleModel => (
            "A model file that can carry code",
            "Files of this kind are unpickled by Python, and what is in them may run.",
            "Use the model's safetensors file.",
        ),
        Flag::MissingModel => (
            "A model that is not installed",
            "A loader names a file that this ComfyUI does not have.",
            "Install the model, or choose one that is there.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_finding_is_described_in_sentences() {
        for flag in Flag::ALL {
            let rule = rule(flag);
            assert_eq!(rule["id"], flag.as_str());
            for key in ["fullDescription", "help"] {
                let text = rule[key]["text"].as_str().unwrap();
                assert!(text.ends_with('.') && text.len() > 15, "{text}");
            }
            assert!(!rule["shortDescription"]["text"].as_str().unwrap().ends_with('.'));
        }
        assert_eq!(rule(Flag::CodeInInput)["name"], "CodeInInput");
        assert_eq!(rule(Flag::PickleModel)["defaultConfiguration"]["level"], "warning");
    }
}

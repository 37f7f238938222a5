//! Audits installed node classes: those that could harm the host, cost money, or carry data away.
//!
//! Pure: whoever calls decides how fresh the catalogue must be.

use std::collections::HashSet;

use super::inspector::{self, Lists, Origin};
use crate::{display, redact::words, settings};
use comfywarden_workflow::{ObjectInfo, object_info::NodeClass};

/// The findings in a catalogue, in the order of the class names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeAudit {
    /// The number of classes in the catalogue.
    pub total_nodes: usize,
    /// Classes that run code or commands, reach the network, handle any file, or cost money.
    pub dangerous: Vec<NodeFinding>,
    /// Classes that a person should look at.
    pub suspicious: Vec<NodeFinding>,
}

/// A listed class and the reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFinding {
    /// The class name with hidden characters made visible.
    pub class: String,
    /// The reasons, joined with `; `.
    pub reason: String,
    /// The module that it lives in, as the server says.
    pub module: String,
    /// True when it is listed only because it costs money.
    pub only_paid: bool,
}

/// The reason of classes that cost money.
const PAID: &str = "it calls a paid service";
/// Input types whose value is a place on the network or in the file system.
const PLACE_TYPES: [&str; 5] = ["URL", "FILE_PATH", "FILEPATH", "DIRECTORY", "FOLDER_PATH"];
/// Words in a description that say that something is run.
const RUNS: [&str; 6] = ["execute", "executes", "executing", "exec", "eval", "evaluates"];
/// Words that name something run when `run` or `runs` stands beside them.
const RUNNABLE: [&str; 5] = ["code", "python", "script", "command", "shell"];
/// Words of an input that is a place for files.
const PATHS: [&str; 8] = ["path", "paths", "filepath", "directory", "dir", "folder", "file", "filename"];
/// Words of an input that is a place on the network.
const ADDRESSES: [&str; 5] = ["url", "urls", "uri", "endpoint", "webhook"];
/// Words of an input that may be run.
const CODE: [&str; 8] = ["code", "script", "python", "command", "cmd", "shell", "expression", "eval"];
/// The longest description that is read.
const MAX_DESCRIPTION: usize = 4_000;

impl NodeAudit {
    /// Audits every class of `catalogue` under the lists of `security`.
    pub fn of(catalogue: &ObjectInfo, security: &settings::Security) -> Self {
        let lists = Lists::new(security);
        let mut audit = Self { total_nodes: catalogue.names().len(), ..Self::default() };
        let mut names: Vec<&str> = catalogue.names().iter().map(String::as_str).collect();
        names.sort_unstable();
        for name in names {
            let class = catalogue.get(name);
            let origin = inspector::origin(name, Some(catalogue));
            let dangers = dangers(name, class, origin, &lists);
            let (found, into) = if dangers.is_empty() {
                (suspicions(name, class, origin), &mut audit.suspicious)
            } else {
                (dangers, &mut audit.dangerous)
            };
            if !found.is_empty() {
                into.push(finding(name, class, &found));
            }
        }
        audit
    }

    /// Keeps the findings about classes that an earlier catalogue did not have.
    #[must_use]
    pub fn beyond(mut self, before: &ObjectInfo) -> Self {
        let known: HashSet<String> = before.names().iter().map(|name| short(name, 200)).collect();
        self.dangerous.retain(|finding| !known.contains(&finding.class));
        self.suspicious.retain(|finding| !known.contains(&finding.class));
        self
    }
}

fn finding(name: &str, class: Option<&NodeClass>, reasons: &[String]) -> NodeFinding {
    let module = class.map(|class| class.python_module.as_str()).unwrap_or_default();
    NodeFinding {
        class: short(name, 200),
        reason: reasons.join("; "),
        module: short(module, 200),
        only_paid: reasons.iter().all(|reason| reason == PAID),
    }
}

fn dangers(name: &str, class: Option<&NodeClass>, origin: Origin, lists: &Lists) -> Vec<String> {
    let mut reasons = Vec::new();
    if lists.names_dangerous(name) {
        reasons.push("it is on the list of dangerous classes".to_owned());
    }
    let Some(class) = class else { return reasons };
    if class.api_node {
        reasons.push(PAID.to_owned());
    }
    if origin != Origin::Custom {
        return reasons;
    }
    for input in &class.inputs {
        let ty = input.ty.to_ascii_uppercase();
        if inspector::is_code_type(&ty) {
            reasons.push(format!("input `{}` takes {} to run", short(&input.name, 60), short(&ty, 40)));
        } else if PLACE_TYPES.contains(&ty.as_str()) {
            reasons.push(format!("input `{}` takes a {}", short(&input.name, 60), short(&ty, 40)));
        }
    }
    if inspector::sounds_dangerous(name) {
        reasons.push("its name says that it runs code or commands, or moves files or data".to_owned());
    }
    reasons.truncate(8);
    reasons
}

fn suspicions(name: &str, class: Option<&NodeClass>, origin: Origin) -> Vec<String> {
    if inspector::is_disguised(name) {
        return vec!["its name has hidden or look-alike characters".to_owned()];
    }
    let Some(class) = class else {
        return vec!["the server describes it in a way that cannot be read".to_owned()];
    };
    if inspector::is_off_allow_list(name) {
        return vec!["it is core, but reads files that can hold code".to_owned()];
    }
    if origin != Origin::Custom {
        return Vec::new();
    }
    let mut reasons = Vec::new();
    for input in class.inputs.iter().filter(|input| input.ty == "STRING" && input.choices.is_none()) {
        let words = words(&input.name);
        let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        let what = if any(&CODE) {
            "text that may be run"
        } else if any(&ADDRESSES) {
            "an address on the network"
        } else if any(&PATHS) && !words.iter().any(|word| word == "prefix") {
            "any path"
        } else {
            continue;
        };
        reasons.push(format!("input `{}` takes {what}", short(&input.name, 60)));
    }
    if says_that_it_runs_things(&class.description) {
        reasons.push("its description says that it runs code".to_owned());
    }
    if class.output_node && reasons.iter().any(|reason| reason.ends_with("any path")) {
        reasons.push("it is an output node, so it runs without another node asking for it".to_owned());
    }
    reasons.truncate(8);
    reasons
}

fn says_that_it_runs_things(description: &str) -> bool {
    let short: String = description.chars().take(MAX_DESCRIPTION).collect();
    let words = words(&short);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    (has(&RUNS) || has(&["run", "runs", "running"])) && has(&RUNNABLE)
}

fn short(text: &str, limit: usize) -> String {
    let cut: String = text.chars().take(limit).collect();
    display::sanitize(&cut).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use comfywarden_workflow::recorded;

    fn audit(catalogue: &ObjectInfo) -> NodeAudit {
        NodeAudit::of(catalogue, &settings::Security::default())
    }

    fn catalogue(classes: &Value) -> ObjectInfo {
        ObjectInfo::parse(classes.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn on_the_recorded_server_only_paid_classes_and_known_dangers_are_dangerous() {
        let info = recorded::object_info();
        let found = audit(info);
        let (costly, other): (Vec<&NodeFinding>, Vec<&NodeFinding>) =
            found.dangerous.iter().partition(|finding| finding.only_paid);
        assert!(costly.iter().all(|finding| info.get(&finding.class).is_some_and(|class| class.api_node)));
        let other: Vec<&str> = other.iter().map(|finding| finding.class.as_str()).collect();
        assert_eq!((found.total_nodes, costly.len()), (615, 138));
        assert_eq!(other, ["ExecutePython", "Load Text File", "Save Text File"]);
        let suspicious: Vec<&str> = found.suspicious.iter().map(|finding| finding.class.as_str()).collect();
        assert_eq!(suspicious, ["LoadTrainingDataset"]);
    }

    #[test]
    fn a_class_is_judged_by_its_real_inputs_name_and_module() {
        let custom = |inputs: Value| json!({"input": {"required": inputs}, "python_module": "custom_nodes.pack", "output": []});
        let info = catalogue(&json!({
            "ExecCmd": custom(json!({})),
            "Helper": custom(json!({"body": ["PYTHON", {"multiline": true}]})),
            "Fetcher": custom(json!({"from": ["URL"]})),
            "Quiet": custom(json!({"image": ["IMAGE"], "code": [["a", "b"]], "mode": ["COMBO", {"options": ["URL"]}]})),
            "Formula": custom(json!({"expression": ["STRING", {}]})),
            "Writer": custom(json!({"output_path": ["STRING", {}], "filename_prefix": ["STRING", {}]})),
            "ТеrminаlХ": custom(json!({})),
            "ExecuteCore": {"input": {}, "python_module": "comfy_extras.nodes_x", "output": []},
            "Broken": 7
        }));
        let found = audit(&info);
        let names = |findings: &[NodeFinding]| findings.iter().map(|f| f.class.clone()).collect::<Vec<_>>();
        assert_eq!(names(&found.dangerous), ["ExecCmd", "Fetcher", "Helper"]);
        assert_eq!(found.dangerous[2].reason, "input `body` takes PYTHON to run");
        assert_eq!(names(&found.suspicious), ["Broken", "Formula", "Writer", "ТеrminаlХ"]);
        assert_eq!(found.suspicious[2].reason, "input `output_path` takes any path");
        assert_eq!(found.clone().beyond(&info), NodeAudit { total_nodes: 9, ..NodeAudit::default() });
        let before = catalogue(&json!({"ExecCmd": 1}));
        assert_eq!(names(&found.beyond(&before).dangerous), ["Fetcher", "Helper"]);
    }

    #[test]
    fn the_operators_own_list_counts() {
        let info = catalogue(&json!({"KSampler": {"input": {}, "python_module": "nodes", "output": []}}));
        let mut security = settings::Security::default();
        assert!(NodeAudit::of(&info, &security).dangerous.is_empty());
        security.dangerous_nodes.extend.push("KSampler".to_owned());
        assert_eq!(NodeAudit::of(&info, &security).dangerous.len(), 1);
    }
}

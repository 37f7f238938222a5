//! Tells core, paid and dangerous classes: by list, by the server's data, or by name.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use super::{
    class_name, names,
    word_list::{WordList, entries},
};
use crate::settings;
use comfywarden_workflow::{ObjectInfo, object_info::InputSpec};

static CLOUD: WordList = WordList::new(include_str!("lists/cloud.txt"));
static DANGEROUS: WordList = WordList::new(include_str!("lists/dangerous.txt"));

/// Core classes; false for those that are core, but not on the built-in allow-list.
static CORE_CLASSES: LazyLock<HashMap<&str, bool>> = LazyLock::new(|| {
    entries(include_str!("lists/core.txt"))
        .map(|line| line.strip_prefix('-').map_or((line, true), |name| (name, false)))
        .collect()
});

/// Input types that say that their text is run.
const CODE_TYPES: [&str; 8] =
    ["CODE", "PYTHON", "PYTHON_CODE", "COMMAND", "COMMANDLINE", "COMMAND_LINE", "SCRIPT_CODE", "SHELL"];

/// The origin of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// ComfyUI itself.
    Core,
    /// The editor alone; such a class never runs.
    EditorOnly,
    /// Somebody's extension, or unknown.
    Custom,
}

/// The lists of the configuration.
#[derive(Debug)]
pub(crate) struct Lists {
    dangerous: HashSet<String>,
    allowed: Option<HashSet<String>>,
}

impl Lists {
    pub(crate) fn new(security: &settings::Security) -> Self {
        let own: Vec<String> = match &security.dangerous_nodes.replace {
            Some(replacement) => replacement.clone(),
            None => DANGEROUS.entries().map(str::to_owned).collect(),
        };
        let names = own.iter().chain(&security.dangerous_nodes.extend);
        let dangerous = names.map(|name| class_name::skeleton(name)).collect();
        let allowed =
            (!security.allowed_nodes.is_empty()).then(|| security.allowed_nodes.iter().cloned().collect());
        Self { dangerous, allowed }
    }

    /// True when the list names the class, also in disguise.
    pub(crate) fn names_dangerous(&self, class: &str) -> bool {
        self.dangerous.contains(&class_name::skeleton(class))
    }

    /// True when the list or the name says that the class is dangerous.
    pub(super) fn is_dangerous(&self, class: &str, info: Option<&ObjectInfo>) -> bool {
        if self.names_dangerous(class) {
            return true;
        }
        if origin(class, info) != Origin::Custom {
            return false;
        }
        takes_code(class, info) || names::sounds_dangerous(class)
    }

    /// True when the class may run in mode `enforce`.
    pub(super) fn is_allowed(&self, class: &str, info: Option<&ObjectInfo>) -> bool {
        match &self.allowed {
            Some(allowed) => allowed.contains(class),
            // An extension may register a class under a core name; the server says where it lives.
            None => {
                CORE_CLASSES.get(core_name(class)) == Some(&true) && origin(class, info) != Origin::Custom
            }
        }
    }
}

/// True for an input type that says that its text is run.
pub(crate) fn is_code_type(ty: &str) -> bool {
    CODE_TYPES.iter().any(|code| code.eq_ignore_ascii_case(ty))
}

/// True when the server says that the class has an input whose text is run, or gives it a title that says so.
pub(super) fn takes_code(class: &str, info: Option<&ObjectInfo>) -> bool {
    let known = info.and_then(|info| info.get(class));
    known.is_some_and(|known| {
        known.inputs.iter().any(|input| is_code_type(&input.ty))
            || names::title_sounds_dangerous(&known.display_name)
    })
}

/// True for an input whose value is the name of a file that the editor recorded or uploaded.
pub(super) fn is_upload(input: &InputSpec) -> bool {
    matches!(input.ty.as_str(), "WEBCAM" | "AUDIO_RECORD" | "LOAD_3D")
        || input.options.iter().any(|(name, value)| name.ends_with("upload") && *value == true)
}

/// True for the name of a class that ComfyUI brings.
pub(super) fn is_core(class: &str) -> bool {
    CORE_CLASSES.contains_key(core_name(class))
}

/// Returns the name as the list has it. ComfyUI itself registers one class with a blank at the end.
fn core_name(class: &str) -> &str {
    if class == "ConditioningAverage " { "ConditioningAverage" } else { class }
}

/// True for a core class that is kept off the built-in allow-list.
pub(crate) fn is_off_allow_list(class: &str) -> bool {
    CORE_CLASSES.get(class) == Some(&false)
}

/// Tells the origin of a class: the server's data first, else the built-in list.
pub(crate) fn origin(class: &str, info: Option<&ObjectInfo>) -> Origin {
    if matches!(class, "Note" | "MarkdownNote" | "PrimitiveNode" | "Reroute") {
        return Origin::EditorOnly;
    }
    let module = info.and_then(|info| info.get(class)).map_or("", |known| known.python_module.as_str());
    let core = match module {
        "" => is_core(class) || CLOUD.contains(class),
        "nodes" => true,
        module => module.starts_with("comfy_extras") || module.starts_with("comfy_api_nodes"),
    };
    if core { Origin::Core } else { Origin::Custom }
}

/// True when running the class costs money.
pub fn is_paid(class: &str, info: Option<&ObjectInfo>) -> bool {
    let Some((info, known)) = info.and_then(|info| Some((info, info.get(class)?))) else {
        return CLOUD.contains(class);
    };
    known.api_node
        || known.category.starts_with("api node")
        || (!info.tells_paid() && known.python_module.starts_with("comfy_api_nodes"))
}

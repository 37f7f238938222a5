//! Selection of the tools that are offered. What is not offered does not exist for callers. What is not
//! offered does not exist for callers.

use super::Tool;
use crate::config::{self, Profile};
use comfywarden_error::{Error, Result};
use comfywarden_workflow::nearest::did_you_mean;

/// Workflow files become tools under names that start so; they come and go while the server runs.
const FROM_FILES: &str = "workflow_";

/// The tools of everyday work, for clients that read all descriptions into every conversation.
const CORE: [&str; 18] = [
    "comfyui_cancel_job",
    "comfyui_create_workflow",
    "comfyui_diagnose_job",
    "comfyui_download_model",
    "comfyui_generate_image",
    "comfyui_get_image",
    "comfyui_get_progress",
    "comfyui_get_queue",
    "comfyui_get_system_info",
    "comfyui_list_models",
    "comfyui_list_outputs",
    "comfyui_list_workflows",
    "comfyui_modify_workflow",
    "comfyui_run_workflow",
    "comfyui_search_models",
    "comfyui_transform_image",
    "comfyui_upload_image",
    "comfyui_validate_workflow",
];

/// Filter of a front end over the tools that the operator offers. Doors only take away, so no address and no
/// token reaches a tool that the configuration took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ToolFilter {
    core: bool,
    read_only: bool,
    compact: bool,
}

impl ToolFilter {
    /// Number of all filters.
    pub(crate) const COUNT: usize = 8;

    /// The view that a path names: a profile, and after it perhaps `readonly`.
    pub fn parse(path: &str) -> Option<Self> {
        let mut view = Self::default();
        for (place, part) in path.split('/').enumerate() {
            let named = match part {
                "full" => Profile::Full,
                "core" => Profile::Core,
                "readonly" => Profile::Readonly,
                "compact" => Profile::Compact,
                _ => return None,
            };
            if place > 1 || (place == 1 && named != Profile::Readonly) {
                return None;
            }
            view = view.and(named.into());
        }
        Some(view)
    }

    /// Both at once.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            core: self.core || other.core,
            read_only: self.read_only || other.read_only,
            compact: self.compact || other.compact,
        }
    }

    /// Gives this filter without the indirection of `compact`.
    #[must_use]
    pub fn direct(self) -> Self {
        Self { compact: false, ..self }
    }

    /// True when tools are found and run through a few others.
    pub fn is_compact(self) -> bool {
        self.compact
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.core) | usize::from(self.read_only) << 1 | usize::from(self.compact) << 2
    }

    /// True when the tool itself can be called.
    pub(crate) fn shows(self, tool: &Tool) -> bool {
        (!self.core || tool.is_everyday()) && (!self.read_only || tool.hint_set().read_only)
    }
}

impl From<Profile> for ToolFilter {
    fn from(profile: Profile) -> Self {
        Self {
            core: profile == Profile::Core,
            read_only: profile == Profile::Readonly,
            compact: profile == Profile::Compact,
        }
    }
}

/// The tools that the configuration leaves. A name that means no tool is an error: it may have been meant to
/// take away a dangerous one.
pub fn select(tools: Vec<Tool>, settings: &config::Tools) -> Result<Vec<Tool>> {
    for (key, names) in [("tools.include", &settings.include), ("tools.exclude", &settings.exclude)] {
        for name in names.iter().filter(|name| !name.starts_with(FROM_FILES)) {
            if !tools.iter().any(|tool| tool.name() == name) {
                return Err(unknown(key, name, &tools));
            }
        }
    }
    let named = |names: &[String], tool: &Tool| names.iter().any(|name| name == tool.name());
    let mut view = ToolFilter::from(settings.profile);
    view.read_only |= settings.read_only;
    let marked = tools.into_iter().map(|tool| {
        let everyday = CORE.contains(&tool.name()) || named(&settings.include, &tool);
        if everyday { tool.everyday() } else { tool }
    });
    Ok(marked.filter(|tool| view.shows(tool) && !named(&settings.exclude, tool)).collect())
}

fn unknown(key: &str, name: &str, tools: &[Tool]) -> Error {
    let near = did_you_mean(name, tools.iter().map(Tool::name));
    let error = Error::invalid_input(format!("`{key}` names `{name}`, which is no tool"));
    error.hint(near.unwrap_or_else(|| "`comfywarden tools` lists them".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::all;

    fn names(change: impl FnOnce(&mut config::Tools)) -> Result<Vec<String>> {
        let mut settings = config::Tools::default();
        change(&mut settings);
        Ok(select(all(), &settings)?.iter().map(|tool| tool.name().to_owned()).collect())
    }

    fn changing(name: &String) -> bool {
        all().iter().any(|tool| tool.name() == name && !tool.hint_set().read_only)
    }

    #[test]
    fn everything_is_offered_by_default() {
        assert_eq!(names(|_| ()).unwrap().len(), all().len());
    }

    #[test]
    fn excluded_tool_is_gone_from_every_profile() {
        for profile in [Profile::Full, Profile::Core, Profile::Compact] {
            let left = names(|tools| {
                tools.profile = profile;
                tools.include.push("comfyui_cancel_job".into());
                tools.exclude.push("comfyui_cancel_job".into());
            });
            assert!(!left.unwrap().contains(&"comfyui_cancel_job".to_owned()), "{profile:?}");
        }
    }

    #[test]
    fn core_is_the_table_and_what_the_operator_adds() {
        let core = names(|tools| tools.profile = Profile::Core).unwrap();
        assert!(core.iter().all(|name| CORE.contains(&name.as_str())), "{core:?}");
        let more = names(|tools| {
            tools.profile = Profile::Core;
            tools.include.push("comfyui_interrupt".into());
        });
        assert_eq!(more.unwrap().len(), core.len() + 1);
    }

    #[test]
    fn read_only_wins_over_everything() {
        for profile in [Profile::Full, Profile::Core, Profile::Readonly, Profile::Compact] {
            let left = names(|tools| {
                tools.profile = profile;
                tools.read_only = profile != Profile::Readonly;
                tools.include.push("comfyui_generate_image".into());
            });
            let left = left.unwrap();
            assert!(!left.is_empty() && !left.iter().any(changing), "{profile:?}: {left:?}");
        }
    }

    #[test]
    fn misspelt_name_is_an_error_with_a_suggestion() {
        let error = names(|tools| tools.exclude.push("comfyui_interupt".into())).unwrap_err();
        assert_eq!(error.message(), "`tools.exclude` names `comfyui_interupt`, which is no tool");
        assert!(error.hint_text().unwrap().contains("comfyui_interrupt"), "{error}");
    }

    #[test]
    fn a_path_names_a_profile_and_perhaps_readonly() {
        let core = ToolFilter::from(Profile::Core);
        assert_eq!(ToolFilter::parse("full"), Some(ToolFilter::default()));
        assert_eq!(ToolFilter::parse("core"), Some(core));
        assert_eq!(ToolFilter::parse("core/readonly"), Some(core.and(Profile::Readonly.into())));
        for path in ["", "cor", "core/", "core/compact", "readonly/readonly/readonly", "CORE", "core/x"] {
            assert_eq!(ToolFilter::parse(path), None, "{path}");
        }
        let indices: std::collections::BTreeSet<usize> =
            [core, ToolFilter::default(), core.and(Profile::Compact.into()), Profile::Readonly.into()]
                .iter()
                .map(|view| view.index())
                .collect();
        assert_eq!(indices.len(), 4);
        assert!(indices.iter().all(|index| *index < ToolFilter::COUNT));
    }
}

//! Which tools of the catalogue are offered. What is not offered does not exist for callers.

use super::Tool;
use crate::{
    config::{self, Profile},
    error::{Error, Result},
    workflow::nearest::did_you_mean,
};

/// Workflow files become tools under names that start so; they come and go while the server runs.
const FROM_FILES: &str = "workflow_";

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
    if settings.profile != Profile::Full {
        return Err(Error::invalid_input("`tools.profile` knows only `full` in this version")
            .hint("take tools away with `tools.exclude` or `tools.read_only`"));
    }
    let offered = |tool: &Tool| {
        let excluded = settings.exclude.iter().any(|name| name == tool.name());
        !excluded && (!settings.read_only || tool.hint_set().read_only)
    };
    Ok(tools.into_iter().filter(offered).collect())
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

    #[test]
    fn everything_is_offered_by_default() {
        assert_eq!(names(|_| ()).unwrap().len(), all().len());
    }

    #[test]
    fn excluded_tool_is_gone() {
        let left = names(|tools| tools.exclude.push("comfyui_interrupt".into())).unwrap();
        assert!(!left.contains(&"comfyui_interrupt".to_owned()) && left.len() == all().len() - 1);
    }

    #[test]
    fn read_only_wins_over_include() {
        let left = names(|tools| {
            tools.read_only = true;
            tools.include.push("comfyui_generate_image".into());
        });
        let changing =
            |name: &String| all().iter().any(|tool| tool.name() == name && !tool.hint_set().read_only);
        let left = left.unwrap();
        assert!(!left.is_empty() && !left.iter().any(changing), "{left:?}");
    }

    #[test]
    fn misspelt_name_is_an_error_with_a_suggestion() {
        let error = names(|tools| tools.exclude.push("comfyui_interupt".into())).unwrap_err();
        assert_eq!(error.message(), "`tools.exclude` names `comfyui_interupt`, which is no tool");
        assert!(error.hint_text().unwrap().contains("comfyui_interrupt"), "{error}");
    }
}

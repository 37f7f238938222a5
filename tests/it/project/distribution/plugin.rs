//! The Claude Code plugin: what its validator does not see.

use comfywarden::tools::{self, Tool};
use regex::Regex;
use serde_json::Value;

use super::texts::{below, json, read, root};

/// The beginning of the names that Claude Code gives to the tools of the plugin.
pub(super) fn prefix() -> String {
    let plugin = json(".claude-plugin/plugin.json");
    let servers = json(".mcp.json");
    let server = servers["mcpServers"].as_object().unwrap().keys().next().unwrap().clone();
    format!("mcp__plugin_{}_{server}__", plugin["name"].as_str().unwrap())
}

/// The lines between the two marks at the top of a skill.
fn front_matter(text: &str) -> Vec<(String, String)> {
    let inside = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")).unwrap_or_default().0;
    let pair = |line: &str| line.split_once(": ").map(|(key, value)| (key.to_owned(), value.to_owned()));
    inside.lines().filter_map(pair).collect()
}

#[test]
fn every_skill_says_what_to_do_without_a_server_a_model_or_leave() {
    for file in below("skills", "md") {
        let text = read(&file);
        let fields = front_matter(&text);
        // Knowledge is read beside a skill that acts.
        if fields.contains(&("user-invocable".to_owned(), "false".to_owned())) {
            continue;
        }
        let place = file.display();
        assert!(
            text.contains("`unavailable`") && text.contains("`comfywarden doctor`"),
            "{place}: no server"
        );
        // What only looks is not refused by a policy and needs no model.
        if !text.contains("# Status\n") {
            assert!(text.contains("`denied`"), "{place}: refused");
        }
        if ["comfyui_generate_image(", "comfyui_create_workflow("].iter().any(|tool| text.contains(tool)) {
            assert!(text.contains("No model") || text.contains("No video model"), "{place}: no model");
        }
    }
}

#[test]
fn every_skill_is_named_like_its_folder_and_stays_short() {
    let skills = below("skills", "md");
    let folders: Vec<String> = skills
        .iter()
        .map(|file| file.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        folders,
        [
            "batch",
            "debug",
            "gen",
            "history",
            "models",
            "progress",
            "publish",
            "status",
            "troubleshooting",
            "video",
            "workflow",
            "workflows"
        ]
    );
    for (file, folder) in skills.iter().zip(folders) {
        let text = read(file);
        let fields = front_matter(&text);
        let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(field("name"), Some(folder.as_str()));
        assert!((10..=60).contains(&field("description").unwrap_or_default().len()), "{folder}: description");
        assert!(text.lines().count() <= 60 && text.len() <= 3_000, "{folder} is long");
        let invoked = field("user-invocable") != Some("false");
        assert!(!invoked || text.contains("Use this"), "{folder} does not say when to use it");
        assert!(
            !invoked || text.contains("/comfy:") || text.contains("Only to look"),
            "{folder}: and when not"
        );
    }
}

#[test]
fn hook_listens_to_every_tool_that_can_tell_of_danger() {
    let hooks = json("hooks/hooks.json");
    let matcher = hooks["hooks"]["PostToolUse"][0]["matcher"].as_str().unwrap();
    let listens = Regex::new(&format!("^(?:{matcher})$")).unwrap();
    let prefix = prefix();
    assert!(listens.is_match(&format!("{prefix}workflow_portrait")), "workflow files are tools, too");
    for tool in tools::all() {
        let heard = listens.is_match(&format!("{prefix}{}", tool.name()));
        assert!(heard || !can_tell_of_danger(&tool), "{} is missing in the matcher", tool.name());
    }
    assert!(!listens.is_match(&format!("{prefix}comfyui_get_queue")));
    assert!(!listens.is_match("mcp__other__comfyui_run_workflow"));
}

fn can_tell_of_danger(tool: &Tool) -> bool {
    let fields = tool.output_schema().get("properties").and_then(Value::as_object);
    let has = |name: &str| fields.is_some_and(|fields| fields.contains_key(name));
    // A conversion warns of what it dropped, not of danger; what runs is inspected when it runs.
    let inspects = !matches!(
        tool.name(),
        "comfyui_convert_workflow" | "comfyui_create_workflow" | "comfyui_modify_workflow"
    );
    has("dangerous") || has("findings") || (has("warnings") && inspects)
}

#[test]
fn every_tool_name_fits_into_what_the_client_accepts() {
    for tool in tools::all() {
        let name = format!("{}{}", prefix(), tool.name());
        assert!(name.len() <= 128, "{name}");
    }
}

#[test]
fn files_that_the_manifests_name_are_there() {
    for file in [".claude-plugin/start.sh", "hooks/security-line.sh", ".claude-plugin/icon.png"] {
        assert!(root().join(file).is_file(), "{file}");
    }
    let servers = read(".mcp.json");
    assert!(servers.contains("${CLAUDE_PLUGIN_ROOT}/.claude-plugin/start.sh"));
    assert!(read("hooks/hooks.json").contains("${CLAUDE_PLUGIN_ROOT}/hooks/security-line.sh"));
    let icon = image::open(root().join(".claude-plugin/icon.png")).unwrap();
    assert!(icon.width() == icon.height() && (512..=2048).contains(&icon.width()));
}

#[cfg(unix)]
#[test]
fn start_script_names_the_way_to_the_program_in_one_line() {
    let home = tempfile::tempdir().unwrap();
    let script = root().join(".claude-plugin/start.sh");
    // A copy, since a clone may hold a built program that the script would find.
    let copy = home.path().join("plugin/.claude-plugin");
    std::fs::create_dir_all(&copy).unwrap();
    std::fs::copy(script, copy.join("start.sh")).unwrap();
    let run = |program: Option<&str>| {
        let mut command = std::process::Command::new("/bin/sh");
        command.arg(copy.join("start.sh")).env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin");
        if let Some(program) = program {
            command.env("COMFYWARDEN_BIN", program);
        }
        command.output().unwrap()
    };

    let missing = run(None);
    assert_eq!(missing.status.code(), Some(127), "{missing:?}");
    assert!(missing.stdout.is_empty(), "standard output belongs to the protocol");
    let told = String::from_utf8(missing.stderr).unwrap();
    assert!(told.lines().count() == 1 && told.contains("releases") && told.contains(".local/bin"), "{told}");
    assert_eq!(run(Some("/bin/echo")).stdout, b"serve\n");
}

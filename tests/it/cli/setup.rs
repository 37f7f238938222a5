//! `setup`, run as a user runs it, in homes of their own.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

fn run(home: &Path, arguments: &[&str]) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_comfywarden"));
    command.args(arguments).env_clear().env("HOME", home).current_dir(home);
    command.output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The file in which each client keeps its servers on the system of the tests.
fn file(home: &Path, client: &str) -> PathBuf {
    home.join(match client {
        "claude-code" => ".claude.json",
        "claude-desktop" if cfg!(target_os = "macos") => {
            "Library/Application Support/Claude/claude_desktop_config.json"
        }
        "claude-desktop" => ".config/Claude/claude_desktop_config.json",
        "cursor" => ".cursor/mcp.json",
        "vscode" if cfg!(target_os = "macos") => "Library/Application Support/Code/User/mcp.json",
        "vscode" => ".config/Code/User/mcp.json",
        "codex" => ".codex/config.toml",
        "gemini" => ".gemini/settings.json",
        other => panic!("{other} has no file"),
    })
}

const WITH_FILES: [&str; 6] = ["claude-code", "claude-desktop", "cursor", "vscode", "codex", "gemini"];

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let inner = |path: PathBuf| if path.is_dir() { files_below(&path) } else { vec![path] };
    entries.flat_map(|entry| inner(entry.path())).collect()
}

#[test]
fn every_client_gets_a_server_that_starts() {
    for client in WITH_FILES {
        let home = tempfile::tempdir().unwrap();
        let output = run(home.path(), &["--comfyui-url", "http://gpu:8188", "setup", client]);
        assert!(output.status.success(), "{client}: {}", told(&output));

        let text = std::fs::read_to_string(file(home.path(), client)).unwrap();
        let entry = entry_of(client, &text);
        let program = entry["command"].as_str().unwrap();
        let version = std::process::Command::new(program).arg("--version").output().unwrap();
        assert!(version.status.success(), "{client}");
        let deferring = client == "claude-code";
        let expected = if deferring { json!(["serve"]) } else { json!(["serve", "--profile", "core"]) };
        assert_eq!(entry["args"], expected, "{client}");
        assert_eq!(entry["env"]["COMFYUI_URL"], "http://gpu:8188/", "{client}");
        assert_eq!(entry["type"] == "stdio", matches!(client, "claude-code" | "vscode"), "{client}");

        let again = run(home.path(), &["--comfyui-url", "http://gpu:8188", "setup", client]);
        assert!(told(&again).contains("nothing to change"), "{client}: {}", told(&again));
        assert_eq!(files_below(home.path()).len(), 1, "{client}: a first write needs no backup");
    }
}

/// The entry in its file; the tables of TOML are read by hand.
fn entry_of(client: &str, text: &str) -> Value {
    if client != "codex" {
        let document: Value = serde_json::from_str(text).unwrap();
        let section = if client == "vscode" { "servers" } else { "mcpServers" };
        return document[section]["comfyui"].clone();
    }
    let value = |key: &str| -> Value {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{key} = "))).unwrap();
        serde_json::from_str(line).unwrap()
    };
    assert!(
        text.starts_with("[mcp_servers.comfyui]\n") && text.contains("\n[mcp_servers.comfyui.env]\n"),
        "{text}"
    );
    json!({ "command": value("command"), "args": value("args"), "env": { "COMFYUI_URL": value("COMFYUI_URL") } })
}

#[test]
fn dry_run_writes_nothing_and_shows_the_change() {
    for client in WITH_FILES {
        let home = tempfile::tempdir().unwrap();
        let output = run(home.path(), &["setup", client, "--dry-run"]);
        assert!(output.status.success(), "{}", told(&output));
        assert!(
            told(&output).contains("nothing was written") && told(&output).contains("+ "),
            "{}",
            told(&output)
        );
        assert_eq!(files_below(home.path()), Vec::<PathBuf>::new(), "{client}");
    }
}

#[test]
fn what_is_there_stays_and_the_old_file_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let path = file(home.path(), "vscode");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let before = "{\n  // mine\n  \"servers\": {\n    \"other\": { \"command\": \"x\" }, // keep\n  },\n}\n";
    std::fs::write(&path, before).unwrap();

    let output = run(home.path(), &["setup", "vscode", "--name", "pictures"]);

    assert!(output.status.success(), "{}", told(&output));
    let after = std::fs::read_to_string(&path).unwrap();
    assert!(
        after.starts_with("{\n  // mine\n  \"servers\": {\n    \"other\": { \"command\": \"x\" }, // keep\n"),
        "{after}"
    );
    assert!(after.contains("    \"pictures\": {\n      \"type\": \"stdio\","), "{after}");
    let backup = path.with_file_name("mcp.json.comfywarden-backup");
    assert_eq!(std::fs::read_to_string(backup).unwrap(), before);
    assert_eq!(files_below(home.path()).len(), 2, "nothing else is left behind");
}

#[test]
fn broken_files_and_foreign_servers_are_left_alone() {
    for (client, text, why) in [
        ("cursor", "{\"mcpServers\": {", "line 1"),
        ("gemini", "{\"mcpServers\": {\"comfyui\": {\"command\": \"uvx\"}}}", "--name"),
        ("codex", "a = \n", "line 1"),
        ("claude-code", "[]", "JSON object"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let path = file(home.path(), client);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        let output = run(home.path(), &["setup", client]);
        assert_eq!(output.status.code(), Some(1), "{client}");
        assert!(
            told(&output).contains(why) && told(&output).contains(path.to_str().unwrap()),
            "{}",
            told(&output)
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(files_below(home.path()).len(), 1, "{client}");
    }
}

#[test]
fn clients_with_a_database_are_told_by_hand() {
    let home = tempfile::tempdir().unwrap();
    for client in ["open-webui", "n8n"] {
        let output = run(home.path(), &["setup", client]);
        assert!(output.status.success() && told(&output).contains("/mcp"), "{}", told(&output));
    }
    assert_eq!(files_below(home.path()), Vec::<PathBuf>::new());
    assert_eq!(run(home.path(), &["setup", "emacs"]).status.code(), Some(2));
    assert_eq!(run(home.path(), &["setup", "cursor", "--name", "a b"]).status.code(), Some(1));
}

#[test]
fn credentials_in_the_address_stay_out_of_a_clients_file() {
    for url in ["http://me:secret@gpu:8188", "http://me@gpu:8188", "http://gpu:8188/?token=secret"] {
        let home = tempfile::tempdir().unwrap();
        let output = run(home.path(), &["--comfyui-url", url, "setup", "cursor"]);
        assert_eq!(output.status.code(), Some(1), "{url}");
        assert!(
            told(&output).contains("comfyui.auth") && !told(&output).contains("secret"),
            "{}",
            told(&output)
        );
        assert_eq!(files_below(home.path()), Vec::<PathBuf>::new(), "{url}");
    }
}

#[test]
fn a_file_that_is_read_only_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = file(home.path(), "cursor");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "{}\n").unwrap();
    let mut rights = std::fs::metadata(&path).unwrap().permissions();
    rights.set_readonly(true);
    std::fs::set_permissions(&path, rights).unwrap();

    let output = run(home.path(), &["setup", "cursor"]);

    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("cannot be written"), "{}", told(&output));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}\n");
    assert_eq!(files_below(home.path()), [path]);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_told() {
    let home = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("gone.json", home.path().join(".claude.json")).unwrap();

    let output = run(home.path(), &["setup", "claude-code"]);

    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("a link that leads nowhere"), "{}", told(&output));
    assert!(home.path().join(".claude.json").is_symlink());
}

#[cfg(unix)]
#[test]
fn rights_and_links_of_the_file_stay() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let real = home.path().join("dotfiles.json");
    std::fs::write(&real, "{}\n").unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&real, home.path().join(".claude.json")).unwrap();

    assert!(run(home.path(), &["setup", "claude-code"]).status.success());

    assert!(home.path().join(".claude.json").is_symlink());
    assert!(std::fs::read_to_string(&real).unwrap().contains("comfyui"));
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

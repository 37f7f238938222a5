//! Pages that are made from the program are equal to it.

use std::process::Command;

use comfywarden_error::Kind;

use super::texts::read;

const RENEW: &str = "run cargo build, then .ci/documents";

fn page(name: &str) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_comfywarden")).args(["reference", name]).env_clear().output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn pages_of_tools_and_keys_are_up_to_date() {
    assert!(read("docs/tools.md") == page("tools"), "docs/tools.md is behind: {RENEW}");
    assert!(
        read("docs/configuration.md") == page("configuration"),
        "docs/configuration.md is behind: {RENEW}"
    );
}

#[test]
fn table_in_the_readme_is_up_to_date() {
    let readme = read("README.md");
    let (_, rest) = readme.split_once("<!-- tools: made by .ci/documents -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- end of tools -->").unwrap();
    assert!(table == page("overview"), "the table of tools in README.md is behind: {RENEW}");
}

#[test]
fn every_kind_of_error_has_its_cause_and_fix() {
    let page = read("docs/troubleshooting.md");
    for kind in [
        Kind::InvalidInput,
        Kind::NotFound,
        Kind::Denied,
        Kind::Unauthenticated,
        Kind::RateLimited,
        Kind::Conflict,
        Kind::Unavailable,
        Kind::Upstream,
        Kind::Timeout,
        Kind::Internal,
    ] {
        // No wildcard: a new kind must be added here and on the page.
        match kind {
            Kind::InvalidInput
            | Kind::NotFound
            | Kind::Denied
            | Kind::Unauthenticated
            | Kind::RateLimited
            | Kind::Conflict
            | Kind::Unavailable
            | Kind::Upstream
            | Kind::Timeout
            | Kind::Internal => {}
        }
        let section =
            page.split("\n### ").find(|section| section.starts_with(&format!("{}\n", kind.as_str())));
        assert!(section.is_some_and(|section| section.len() > 150), "{kind} is not explained");
        let skill = read("skills/troubleshooting/SKILL.md");
        assert!(skill.contains(&format!("| `{kind}` |")), "{kind} is missing in the skill");
    }
}

/// Commands of the program: the lines of its help that begin with one.
fn commands() -> Vec<String> {
    let help = Command::new(env!("CARGO_BIN_EXE_comfywarden")).arg("--help").env_clear().output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let commands: Vec<String> = help
        .split("Commands:")
        .nth(1)
        .and_then(|rest| rest.split("\n\n").next())
        .into_iter()
        .flat_map(str::lines)
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect();
    assert!(commands.iter().any(|command| command == "serve") && commands.len() > 8, "{commands:?}");
    commands
}

#[test]
fn every_command_is_in_the_table_of_the_readme() {
    let readme = read("README.md");
    let (_, section) = readme.split_once("\n## Commands\n").unwrap();
    let (table, _) = section.split_once("\n## ").unwrap();
    let rows: String = table.lines().filter(|line| line.starts_with("| `")).collect();
    let missing: Vec<String> = commands()
        .into_iter()
        .filter(|command| command != "help")
        .filter(|command| !rows.contains(&format!("`{command} ")) && !rows.contains(&format!("`{command}`")))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_command_in_the_documents_exists() {
    let commands = commands();
    let named = regex::Regex::new(r"comfywarden(?: --[a-z-]+ [^ \n]+)* ([a-z]+)").unwrap();
    let mut wrong = Vec::new();
    for document in super::texts::documents() {
        for code in super::texts::code(&read(&document)) {
            for found in
                named.captures_iter(&code).filter(|found| !commands.iter().any(|known| *known == found[1]))
            {
                // An install line names the plugin and not a command.
                if !code.contains("/plugin") && !code.contains("plugin install") {
                    wrong.push(format!("{}: comfywarden {}", document.display(), &found[1]));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

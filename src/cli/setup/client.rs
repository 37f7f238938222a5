//! Describes the clients: the file of their servers, its form, and whether they load tools on demand.

use std::path::PathBuf;

use super::arguments::ClientName;
use crate::cli::arguments::ProfileName;
use crate::config::Environment;
use comfywarden_error::{Error, Result};

/// The entry of comfywarden in a client's file: how to start it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The name under which the client shows the server.
    pub(super) name: String,
    pub(super) command: String,
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
}

/// The file or database in which a client keeps its servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A JSON file, with the servers under this key; some clients want each entry to name its transport.
    Json { file: PathBuf, section: &'static str, typed: bool },
    /// A TOML file with tables `mcp_servers.<name>`.
    Toml { file: PathBuf },
    /// A database of the client: a person follows these steps.
    ByHand(&'static str),
}

/// The operating systems, which differ in where such files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    Linux,
    Mac,
    Windows,
}

impl System {
    /// Returns the system that this program was built for.
    pub(super) const fn here() -> Self {
        if cfg!(target_os = "macos") {
            Self::Mac
        } else if cfg!(windows) {
            Self::Windows
        } else {
            Self::Linux
        }
    }
}

const OPEN_WEBUI: &str = "\
Open WebUI keeps its tool servers in its own database, so there is no file to write. Do this once:
  1. start comfywarden over HTTP, with a token:
       export COMFYWARDEN_TRANSPORT_REMOTE_TOKENS=\"$(openssl rand -hex 32)\"
       comfywarden serve --http 127.0.0.1:8080 --profile core
  2. in Open WebUI: Admin Settings, External Tools, add a connection of the type MCP (Streamable HTTP)
     with the URL http://127.0.0.1:8080/mcp, authentication Bearer, and the token as its key
Where Open WebUI runs in a container, docs/clients.md says which address and which allowed host it needs.";

const N8N: &str = "\
n8n keeps its credentials in its own database, so there is no file to write. Do this once:
  1. start comfywarden over HTTP, with a token:
       export COMFYWARDEN_TRANSPORT_REMOTE_TOKENS=\"$(openssl rand -hex 32)\"
       comfywarden serve --http 127.0.0.1:8080 --profile core
  2. in n8n: add an MCP Client Tool node with the endpoint http://127.0.0.1:8080/mcp, the transport HTTP
     Streamable, and a Bearer credential that holds the token
Where n8n runs in a container, docs/clients.md says which address and which allowed host it needs.";

impl ClientName {
    /// Returns its name for people.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::ClaudeCode => "Claude Code",
            Self::ClaudeDesktop => "Claude Desktop",
            Self::Cursor => "Cursor",
            Self::Vscode => "VS Code",
            Self::Codex => "Codex",
            Self::Gemini => "Gemini CLI",
            Self::OpenWebui => "Open WebUI",
            Self::N8n => "n8n",
        }
    }

    /// Returns the step that makes it notice the change.
    pub(super) const fn next(self) -> &'static str {
        match self {
            Self::ClaudeCode => "start a new session, or reconnect with /mcp",
            Self::ClaudeDesktop => "quit Claude Desktop completely and start it again",
            Self::Cursor => "switch the server on under Settings, MCP",
            Self::Vscode => "run the command MCP: List Servers and start it",
            _ => "start it again",
        }
    }

    /// Returns the profile for a client that shows all tools to its model at once; none for one that loads them on demand.
    pub(super) const fn profile(self) -> Option<ProfileName> {
        match self {
            Self::ClaudeCode => None,
            _ => Some(ProfileName::Core),
        }
    }

    /// Returns where this client keeps its servers on this system.
    pub(super) fn target(self, system: System, environment: &Environment) -> Result<Target> {
        let home = environment.home().ok_or_else(|| {
            Error::invalid_input("the home folder is unknown, so the client's file cannot be found")
                .hint("set HOME (USERPROFILE on Windows)")
        })?;
        let named =
            |variable: &str, otherwise: PathBuf| environment.get(variable).map_or(otherwise, PathBuf::from);
        let settings = match system {
            System::Linux => named("XDG_CONFIG_HOME", home.join(".config")),
            System::Mac => home.join("Library/Application Support"),
            System::Windows => named("APPDATA", home.join("AppData/Roaming")),
        };
        let json = |file: PathBuf, typed: bool| Target::Json { file, section: "mcpServers", typed };
        Ok(match self {
            Self::ClaudeCode => json(named("CLAUDE_CONFIG_DIR", home).join(".claude.json"), true),
            Self::ClaudeDesktop => json(settings.join("Claude/claude_desktop_config.json"), false),
            Self::Cursor => json(home.join(".cursor/mcp.json"), false),
            Self::Vscode => {
                Target::Json { file: settings.join("Code/User/mcp.json"), section: "servers", typed: true }
            }
            Self::Codex => {
                Target::Toml { file: named("CODEX_HOME", home.join(".codex")).join("config.toml") }
            }
            Self::Gemini => json(home.join(".gemini/settings.json"), false),
            Self::OpenWebui => Target::ByHand(OPEN_WEBUI),
            Self::N8n => Target::ByHand(N8N),
        })
    }
}

/// Returns whether a command that a file names is this program, in whatever folder.
pub(super) fn is_ours(command: &str) -> bool {
    let name = command.rsplit(['/', '\\']).next().unwrap_or(command);
    name.strip_suffix(".exe").unwrap_or(name) == env!("CARGO_PKG_NAME")
}

/// Refuses to replace somebody else's server.
pub(super) fn taken(name: &str, command: &str) -> Error {
    Error::new(
        comfywarden_error::Kind::Conflict,
        format!("another server is named `{name}` there: it starts `{command}`"),
    )
    .hint("choose another name with --name, or take that server out first")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_has_its_place() {
        let environment = Environment::of([("HOME", "/h"), ("APPDATA", "/h/roaming")]);
        let file = |client: ClientName, system| match client.target(system, &environment).unwrap() {
            Target::Json { file, .. } | Target::Toml { file } => file,
            Target::ByHand(_) => PathBuf::new(),
        };
        for (system, place) in [
            (System::Linux, "/h/.config/Claude/claude_desktop_config.json"),
            (System::Mac, "/h/Library/Application Support/Claude/claude_desktop_config.json"),
            (System::Windows, "/h/roaming/Claude/claude_desktop_config.json"),
        ] {
            assert_eq!(file(ClientName::ClaudeDesktop, system), PathBuf::from(place));
        }
        assert_eq!(file(ClientName::Codex, System::Mac), PathBuf::from("/h/.codex/config.toml"));
        assert!(ClientName::Cursor.target(System::Linux, &Environment::default()).is_err());
    }

    #[test]
    fn own_command_is_known_by_its_last_part() {
        assert!(is_ours("comfywarden") && is_ours("/opt/x/comfywarden") && is_ours("C:\\x\\comfywarden.exe"));
        assert!(!is_ours("uvx") && !is_ours("/opt/comfywarden/other"));
    }
}

//! Defines the arguments of `setup`.

use clap::{Args, ValueEnum};

use crate::cli::arguments::ProfileName;

/// `setup`.
#[derive(Debug, Args)]
#[command(after_help = "\
What stands in the client's file stays, the file as it was is kept beside it, and a second run changes nothing. Clients
that show all tools to their model at once get the profile `core`. Secrets are never written: they belong into
comfywarden's own configuration.

Examples:
  comfywarden setup claude-desktop --dry-run
  comfywarden --comfyui-url http://gpu-box:8188 setup cursor")]
pub(in crate::cli) struct Setup {
    /// The client
    #[arg(value_enum)]
    pub(in crate::cli) client: ClientName,
    /// Only show what would change
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// The name under which the client shows comfywarden
    #[arg(long, default_value = "comfyui")]
    pub(in crate::cli) name: String,
    /// The set of tools [default: what suits the client]
    #[arg(long)]
    pub(in crate::cli) profile: Option<ProfileName>,
}

/// The clients that `setup` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ClientName {
    /// Claude Code
    ClaudeCode,
    /// Claude Desktop
    ClaudeDesktop,
    /// Cursor
    Cursor,
    /// Visual Studio Code
    Vscode,
    /// Codex
    Codex,
    /// Gemini CLI
    Gemini,
    /// Open WebUI
    OpenWebui,
    /// n8n
    N8n,
}

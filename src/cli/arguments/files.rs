//! Defines the arguments of the commands for workflow files.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The source of node classes.
#[derive(Debug, Args)]
pub(in crate::cli) struct Catalogue {
    /// A saved answer of ComfyUI's /object_info, in place of asking ComfyUI
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) object_info: Option<PathBuf>,
}

/// `convert`.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads JSON in API or editor's format, a script, and PNG, WebP, JPEG, MP4, WebM, FLAC, Ogg or MP3 files that ComfyUI
saved. What was dropped or assumed goes to standard error.

Examples:
  comfywarden convert editor.json
  comfywarden convert picture.png --to ui --out open-me.json")]
pub(in crate::cli) struct Convert {
    /// The workflow
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// The form of the result
    #[arg(long, value_enum, default_value = "api")]
    pub(in crate::cli) to: Form,
    /// Write to this file, which must not exist yet
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) catalogue: Catalogue,
}

/// The forms of a workflow.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum Form {
    /// What ComfyUI runs
    Api,
    /// What the editor opens
    Ui,
    /// One call per node
    Script,
}

/// `validate`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Validate {
    /// The workflows
    #[arg(value_name = "FILE", required = true)]
    pub(in crate::cli) files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) catalogue: Catalogue,
}

/// `diff`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Diff {
    /// The older workflow
    #[arg(value_name = "BEFORE")]
    pub(in crate::cli) before: PathBuf,
    /// The newer workflow
    #[arg(value_name = "AFTER")]
    pub(in crate::cli) after: PathBuf,
    /// The form of the answer
    #[arg(long, value_enum, default_value = "text")]
    pub(in crate::cli) format: DiffFormat,
    #[command(flatten)]
    pub(in crate::cli) catalogue: Catalogue,
}

/// The forms of a comparison.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum DiffFormat {
    /// Words
    Text,
    /// A flowchart
    Mermaid,
    /// Lists
    Json,
}

//! Defines the command line: commands, flags and their help.

mod files;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::{Value, json};
use url::Url;

use crate::config::{Environment, LoadOptions, Profile};

pub(super) use files::{Catalogue, Convert, Diff, DiffFormat, Form, Validate};

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    it failed, or the answer is a no (a failed call, an error found by doctor, a broken audit log)
  2    the command line is wrong
  3    the configuration cannot be used
  4    warnings and nothing worse (doctor, inspect)
  5    ComfyUI cannot be reached
  130  interrupted

Start with:
  comfywarden demo \"a yellow apple on a wooden table\"
  comfywarden doctor";

const CONFIG_HELP: &str = "Configuration file \
    [default: $COMFYWARDEN_CONFIG, ~/.comfywarden/config.yaml, ~/.comfyui-mcp/config.yaml]";

/// A guarded MCP server between AI assistants and ComfyUI.
///
/// Without a command it serves MCP on standard input and output when a program starts it, and shows this help on a
/// terminal.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, max_term_width = 110)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Settings of every command.
#[derive(Debug, Args)]
pub(super) struct Global {
    #[arg(long, global = true, value_name = "FILE", help = CONFIG_HELP)]
    config: Option<PathBuf>,
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "Address of ComfyUI [default: http://127.0.0.1:8188]"
    )]
    pub(super) comfyui_url: Option<Url>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve MCP: on standard input and output, or over HTTP
    Serve(Serve),
    /// Make a picture, through a real MCP client, with a simulated ComfyUI unless one is named
    Demo(Demo),
    /// Look for everything that is wrong, and say how to fix it
    Doctor(Doctor),
    /// List the tools that clients see, or show one
    Tools(Tools),
    /// Call one tool, through the same gate as every client
    Call(Call),
    /// Look at workflow files: what in them is dangerous?
    Inspect(Inspect),
    /// Turn a workflow file into another form: API format, editor's format or script
    Convert(Convert),
    /// Check workflow files: would ComfyUI run them?
    Validate(Validate),
    /// Compare two workflow files by what their nodes do
    Diff(Diff),
    /// Write comfywarden into the configuration of a client
    Setup(super::setup::Setup),
    /// Ask the HTTP server of this machine whether it lives, as containers do
    Healthcheck {
        /// Where it listens, as `serve --http` was told; otherwise what the configuration says
        #[arg(long, value_name = "ADDR", value_parser = listen_address)]
        http: Option<SocketAddr>,
    },
    /// Print the reference pages of the documentation
    Reference(Reference),
    /// Check or read the audit log
    #[command(subcommand)]
    Audit(Audit),
    /// List the workflow files that are tools, or install ready-made ones
    #[command(subcommand)]
    Workflows(super::workflows::Workflows),
    /// Run a simulated ComfyUI
    Sim(Sim),
}

/// `serve`.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
  comfywarden serve
  comfywarden serve --http 127.0.0.1:8080
  comfywarden serve --profile core --tools comfyui_interrupt
  comfywarden serve --read-only --exclude-tools comfyui_get_image")]
pub(super) struct Serve {
    /// Serve Streamable HTTP at /mcp on this address in place of stdio; other than loopback needs a token
    #[arg(long, value_name = "ADDR", value_parser = listen_address)]
    pub(super) http: Option<SocketAddr>,
    /// The set of tools to start from
    #[arg(long)]
    pub(super) profile: Option<ProfileName>,
    /// Tools to add to the set, between commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(super) tools: Vec<String>,
    /// Tools to leave out, between commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(super) exclude_tools: Vec<String>,
    /// Only tools that change nothing; wins over the other choices
    #[arg(long)]
    pub(super) read_only: bool,
}

/// The names of [`Profile`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ProfileName {
    /// All tools
    Full,
    /// The tools of everyday work
    Core,
    /// Only tools that change nothing
    Readonly,
    /// A few tools that find and run the others
    Compact,
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Full => Self::Full,
            ProfileName::Core => Self::Core,
            ProfileName::Readonly => Self::Readonly,
            ProfileName::Compact => Self::Compact,
        }
    }
}

/// `demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --comfyui-url and COMFYUI_URL a simulated ComfyUI paints a placeholder picture.

Examples:
  comfywarden demo \"a yellow apple on a wooden table\"
  comfywarden --comfyui-url http://127.0.0.1:8188 demo \"a lighthouse at night\" --out lighthouse.png")]
pub(super) struct Demo {
    /// What the picture shows
    #[arg(default_value = "a yellow apple on a wooden table")]
    pub(super) prompt: String,
    /// Where the picture goes; a file that is already there is kept, and a free name taken
    /// [default: comfywarden-demo.png]
    #[arg(long, short, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Width and height in pixels [default: what the model wants; small where ComfyUI computes on a CPU]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(64..=4096))]
    pub(super) size: Option<u32>,
    /// Sampling steps [default: what the model wants; few where ComfyUI computes on a CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) steps: Option<u32>,
}

/// `doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 nothing found, 4 warnings, 1 errors, 3 the configuration cannot be used.

Examples:
  comfywarden doctor
  comfywarden --comfyui-url http://gpu-box:8188 doctor --json")]
pub(super) struct Doctor {
    /// Print the findings as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Tools {
    /// Show this one with its parameters
    pub(super) name: Option<String>,
    /// Print the tools as MCP clients see them, schemas included
    #[arg(long)]
    pub(super) json: bool,
}

/// `call`.
#[derive(Debug, Args)]
#[command(after_help = "\
The answer is JSON. Files of the answer go to --out under their names, or are only named.

Examples:
  comfywarden call comfyui_get_queue
  comfywarden call comfyui_list_models '{\"folder\": \"loras\"}'
  comfywarden call comfyui_run_workflow @workflow.json
  echo '{\"prompt\": \"a red boat\"}' | comfywarden call comfyui_generate_image -")]
pub(super) struct Call {
    /// Name of the tool
    pub(super) tool: String,
    /// Its arguments: JSON text, `@FILE`, or `-` for standard input
    #[arg(default_value = "{}", value_name = "JSON")]
    pub(super) arguments: String,
    /// Folder for the files of the answer; it is made where it is missing
    #[arg(long, short, value_name = "FOLDER")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Reads workflows in API and UI format, and pictures that carry one. Nothing is sent anywhere.
Exit codes: 0 nothing found, 4 warnings, 1 something dangerous, paid, refused or unreadable.")]
pub(super) struct Inspect {
    /// Workflow files or pictures
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Print the findings as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Print the findings as SARIF 2.1.0
    #[arg(long, conflicts_with = "json")]
    pub(super) sarif: bool,
}

/// `reference`.
#[derive(Debug, Args)]
pub(super) struct Reference {
    /// The page
    #[arg(value_enum)]
    pub(super) page: Page,
}

/// The pages that are made from the program itself.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Page {
    /// docs/tools.md: every tool with its parameters
    Tools,
    /// The table of tools in README.md
    Overview,
    /// docs/configuration.md: every key with its default and its variables
    Configuration,
}

/// `audit`.
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Check that no record was changed, removed or put elsewhere
    Verify {
        /// The log [default: the configured one]
        file: Option<PathBuf>,
    },
    /// Print the last records
    Tail {
        /// The log [default: the configured one]
        file: Option<PathBuf>,
        /// How many records
        #[arg(long, short = 'n', default_value_t = 20)]
        lines: usize,
        /// Go on with every new record
        #[arg(long, short)]
        follow: bool,
    },
}

/// `sim`.
#[derive(Debug, Args)]
#[command(after_help = "\
It answers as ComfyUI does, runs model-free nodes on real pixels, and paints placeholder pictures for samplers.

Examples:
  comfywarden sim --listen 127.0.0.1:8188
  comfywarden sim --models loras= --models checkpoints=mine.safetensors")]
pub(super) struct Sim {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8188", value_name = "ADDR", value_parser = listen_address)]
    pub(super) listen: SocketAddr,
    /// The model files of one folder, in place of the usual ones; can be repeated
    #[arg(long, value_name = "FOLDER=NAMES", value_parser = models)]
    pub(super) models: Vec<(String, Vec<String>)>,
    /// Milliseconds that a sampler takes
    #[arg(long, value_name = "MS")]
    pub(super) sampling_ms: Option<u64>,
}

/// Parses an IP address with a port.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let port = text.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()).unwrap_or(8080);
        format!("write an IP address and a port, such as 127.0.0.1:{port}")
    })
}

/// Parses `checkpoints=a.safetensors,b.safetensors`; nothing after the sign empties the folder.
fn models(text: &str) -> Result<(String, Vec<String>), String> {
    let (folder, names) =
        text.split_once('=').ok_or("write the folder, `=`, and file names between commas")?;
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    Ok((folder.trim().to_owned(), names.map(str::to_owned).collect()))
}

impl Arguments {
    /// Collects the settings that flags override.
    pub(super) fn load_options(&self, environment: Environment) -> LoadOptions {
        let mut overrides: Vec<(&'static str, Value, &'static str)> = Vec::new();
        if let Some(url) = &self.global.comfyui_url {
            overrides.push(("comfyui.url", json!(url.as_str()), "--comfyui-url"));
        }
        if let Some(Command::Serve(serve)) = &self.command {
            serve.overrides(&mut overrides);
        }
        LoadOptions { file: self.global.config.clone(), environment, overrides }
    }
}

impl Serve {
    fn overrides(&self, overrides: &mut Vec<(&'static str, Value, &'static str)>) {
        if let Some(address) = self.http {
            overrides.push(("transport.remote.enabled", json!(true), "--http"));
            overrides.push(("transport.remote.host", json!(address.ip().to_string()), "--http"));
            overrides.push(("transport.remote.port", json!(address.port()), "--http"));
        }
        if let Some(profile) = self.profile {
            overrides.push(("tools.profile", json!(Profile::from(profile)), "--profile"));
        }
        if !self.tools.is_empty() {
            overrides.push(("tools.include", json!(self.tools), "--tools"));
        }
        if !self.exclude_tools.is_empty() {
            overrides.push(("tools.exclude", json!(self.exclude_tools), "--exclude-tools"));
        }
        if self.read_only {
            overrides.push(("tools.read_only", json!(true), "--read-only"));
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn flags_become_the_highest_layer() {
        let arguments = Arguments::parse_from([
            "comfywarden",
            "--comfyui-url",
            "http://gpu:1",
            "serve",
            "--http",
            "127.0.0.1:0",
            "--tools",
            "a,b",
            "--read-only",
        ]);
        let config = crate::config::load(&arguments.load_options(Environment::default())).unwrap().config;

        assert_eq!(config.comfyui.url.as_str(), "http://gpu:1/");
        assert!(config.transport.remote.enabled && config.tools.read_only);
        assert_eq!(config.tools.include, ["a", "b"]);
    }
}

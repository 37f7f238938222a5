//! `workflows`: lists the workflow files that are tools, and installs the ones that come with comfywarden.

use std::fs;
use std::io::Write;
use std::path::Path;

use clap::Subcommand;

use super::error::CliError;
use super::output::{eprint_line, print_json, print_line};
use crate::config::Config;
use crate::gate::AuditLog;
use crate::{
    app::App,
    tools::workflow_files::{SHIPPED, Shipped},
};
use comfywarden_error::{Error, Kind};

/// `workflows`.
#[derive(Debug, Subcommand)]
pub(super) enum Workflows {
    /// List the workflow files, the tool that each one is or why it is none, and the ready-made ones
    List {
        /// Print the files as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write ready-made workflow files into the folder of workflow files
    Install {
        /// Their names, or `all`
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
        /// Replace files that are there
        #[arg(long)]
        force: bool,
    },
}

pub(super) async fn run(wanted: &Workflows, config: Config) -> Result<(), CliError> {
    match wanted {
        Workflows::List { json } => list(*json, config).await,
        Workflows::Install { names, force } => install(names, *force, &config.workflows.dir),
    }
}

async fn list(json: bool, config: Config) -> Result<(), CliError> {
    let folder = config.workflows.dir.clone();
    let app = App::with_audit(config, AuditLog::memory())?;
    app.load_workflows(true).await?;
    let files = app.workflow_files();
    if json {
        return Ok(print_json(files.as_ref())?);
    }
    print_line(&format!("{}:", folder.display()))?;
    if files.is_empty() {
        print_line("  no workflow files")?;
    }
    for file in files.iter() {
        match (&file.tool, &file.problem) {
            (Some(tool), _) => {
                print_line(&format!("  {:<28} {tool}({})", file.file, file.parameters.join(", ")))?;
            }
            (None, problem) => {
                print_line(&format!(
                    "  {:<28} no tool: {}",
                    file.file,
                    problem.as_deref().unwrap_or_default()
                ))?;
                if let Some(hint) = &file.hint {
                    print_line(&format!("  {:<28} -> {hint}", ""))?;
                }
            }
        }
        for note in &file.notes {
            print_line(&format!("  {:<28} note: {note}", ""))?;
        }
    }
    print_line("\nComes with comfywarden (comfywarden workflows install NAME):")?;
    for shipped in SHIPPED {
        print_line(&format!("  {:<28} {}", shipped.name, shipped.about))?;
    }
    Ok(())
}

fn install(names: &[String], force: bool, folder: &Path) -> Result<(), CliError> {
    let wanted: Vec<&Shipped> = if names.iter().any(|name| name == "all") {
        SHIPPED.iter().collect()
    } else {
        names.iter().map(|name| shipped(name)).collect::<Result<_, Error>>()?
    };
    let cannot = |error: std::io::Error| {
        Error::new(Kind::Unavailable, format!("{} cannot be written: {error}", folder.display()))
            .hint("give `workflows.dir` a place that this user may write")
    };
    fs::create_dir_all(folder).map_err(cannot)?;
    let mut kept = 0;
    for (name, text) in wanted.iter().flat_map(|shipped| shipped.files) {
        let path = folder.join(name);
        let mut options = fs::OpenOptions::new();
        options.write(true);
        if force {
            options.create(true).truncate(true)
        } else {
            options.create_new(true)
        };
        match options.open(&path) {
            Ok(mut file) => {
                file.write_all(text.as_bytes()).map_err(cannot)?;
                print_line(&format!("wrote {}", path.display()))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                kept += 1;
                eprint_line(&format!("kept {}: it is there already; --force replaces it", path.display()));
            }
            Err(error) => return Err(cannot(error).into()),
        }
    }
    if kept == 0 {
        print_line("They are tools now; a running server sees them within two seconds.")?;
    }
    Ok(())
}

fn shipped(name: &str) -> Result<&'static Shipped, Error> {
    SHIPPED.iter().find(|shipped| shipped.name == name).ok_or_else(|| {
        let names: Vec<&str> = SHIPPED.iter().map(|shipped| shipped.name).collect();
        Error::not_found(format!("no workflow named `{name}` comes with comfywarden"))
            .hint(format!("names: {}, or all", names.join(", ")))
    })
}

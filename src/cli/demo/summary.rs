//! Prints what the demo made, what happened, and what to do next.

use std::path::{Path, PathBuf};

use super::{Generated, text};
use crate::cli::layout::wrap;
use crate::cli::output::print_line;
use crate::gate::AuditLog;

/// The width of the prose.
const WIDTH: usize = 80;

/// Prints the summary. `configured` is the audit log's path in the configuration.
pub(super) fn print(
    generated: &Generated,
    file: &Path,
    simulated: bool,
    audit: &AuditLog,
    configured: &Path,
) -> std::io::Result<()> {
    let answer = &generated.answer;
    let seed = answer.get("seed").map(ToString::to_string).unwrap_or_default();
    let size = image::ImageReader::new(std::io::Cursor::new(&generated.bytes))
        .with_guessed_format()
        .ok()
        .and_then(|reader| reader.into_dimensions().ok())
        .map(|(width, height)| format!("{width} x {height}, "))
        .unwrap_or_default();
    let origin = if simulated { " (simulated: no model was run)" } else { "" };
    let recorded = audit.failures() == 0;
    let log = match audit.path() {
        Some(path) if recorded => path.display().to_string(),
        _ => format!("not recorded: {} cannot be written", configured.display()),
    };
    print_line("")?;
    print_line(&format!("  picture   {}", absolute(file).display()))?;
    print_line(&format!(
        "            {size}{} bytes, {:.1} s{origin}",
        generated.bytes.len(),
        generated.seconds
    ))?;
    print_line(&format!("  model     {}", text(answer, "/model")))?;
    print_line(&format!("  seed      {seed}"))?;
    print_line(&format!("  audit     {log}"))?;
    print_line("")?;
    let gate =
        if recorded && audit.path().is_some() { "checked and recorded the call" } else { "checked the call" };
    let server = if simulated { "a simulated ComfyUI" } else { "ComfyUI" };
    let story = format!(
        "What happened: an MCP client asked for a picture, the gate {gate}, the workflow was inspected, {server} ran \
         it, and the file came back through the same gate."
    );
    wrap(&story, WIDTH).iter().try_for_each(|line| print_line(line))?;
    print_line("")?;
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("comfywarden"));
    let program = program.display();
    print_line("Next:")?;
    print_line("  is your own ComfyUI ready?")?;
    print_line(&format!("    {program} doctor"))?;
    print_line("  let your assistant use it; `setup --help` lists the clients:")?;
    print_line(&format!("    {program} setup claude-code"))
}

/// Returns the whole path, so that it can be opened from elsewhere.
fn absolute(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}

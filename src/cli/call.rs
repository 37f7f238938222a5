//! `call`: calls one tool, through the same gate as every client.

use std::io::{BufRead, IsTerminal, Read, Write};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::arguments::Call;
use super::error::{CliError, FAILED, INTERRUPTED, exit_code};
use super::new_file;
use super::output::{eprint_line, print_json};
use crate::config::Config;
use crate::{
    app::{App, Conversation, Turn, is_resource},
    gate::Caller,
    tools::{
        Block, ToolFilter,
        progress::{Sink, Update},
        resources::Resource,
    },
};
use comfywarden_error::{Error, JsonObject, Result};

/// Arguments larger than the largest message of a client are refused before they are read whole.
const MAX_ARGUMENTS: u64 = 96 * 1024 * 1024;
/// Progress reports that may wait for the terminal.
const PROGRESS_CAPACITY: usize = 16;

pub(super) async fn run(
    wanted: &Call,
    config: Config,
    stop: CancellationToken,
) -> std::result::Result<(), CliError> {
    let given = wanted.arguments.clone();
    let arguments = read_until_stopped(&stop, move || arguments(&given)).await??;
    let can_ask = std::io::stdin().is_terminal() && wanted.arguments != "-";
    if let Some(folder) = &wanted.out {
        new_file::make_folder(folder)?;
    }
    let app = App::new(config)?;
    app.load_workflows(wanted.tool.starts_with("workflow_")).await?;
    let ended = call_with_questions(&app, wanted, arguments, can_ask, &stop).await;
    // A question that was left open has its end in the log, too.
    app.stop().await;
    ended
}

/// Makes the call, and puts its questions to the person at the terminal.
async fn call_with_questions(
    app: &Arc<App>,
    wanted: &Call,
    arguments: JsonObject,
    can_ask: bool,
    stop: &CancellationToken,
) -> std::result::Result<(), CliError> {
    let view = ToolFilter::default();
    let mut conversation = Conversation::new(Arc::clone(app), Caller::local(), view, &wanted.tool, arguments);
    if can_ask {
        conversation = conversation.asking();
    }
    loop {
        let (out, reports) = mpsc::channel(PROGRESS_CAPACITY);
        let printed = tokio::spawn(print_progress(reports));
        let turn = conversation.advance(Sink::to(out), stop.clone()).await;
        let _ = printed.await;
        match turn {
            Ok(Turn::Done { structured, blocks }) => {
                print(&structured)?;
                write_files(app, &blocks, wanted.out.as_deref()).await?;
                return if job_failed(&structured) { Err(CliError::Exit(FAILED)) } else { Ok(()) };
            }
            Ok(Turn::Asked { question }) => {
                let mut failure = CliError::Exit(INTERRUPTED);
                let answer = async {
                    match read_until_stopped(stop, move || ask(&question))
                        .await
                        .and_then(|answer| Ok(answer?))
                    {
                        Ok(yes) => Some(yes),
                        Err(failed) => {
                            failure = failed;
                            None
                        }
                    }
                };
                if !conversation.await_answer(stop.cancelled(), answer).await {
                    return Err(failure);
                }
            }
            Err(_) if stop.is_cancelled() => return Err(CliError::Exit(INTERRUPTED)),
            Err(error) => {
                print(&Value::Object(error.to_json()))?;
                tracing::debug!(?error, "the call failed");
                return Err(CliError::Exit(exit_code(error.kind(), app).await));
            }
        }
    }
}

/// Returns whether the call succeeded and the job that it reports failed.
fn job_failed(answer: &Value) -> bool {
    let status = answer.get("status").and_then(Value::as_str);
    matches!(status, Some("error" | "interrupted" | "timeout" | "lost"))
}

/// Runs a blocking read of standard input until it ends or Ctrl-C stops it.
async fn read_until_stopped<T: Send + 'static>(
    stop: &CancellationToken,
    read: impl FnOnce() -> T + Send + 'static,
) -> std::result::Result<T, CliError> {
    tokio::select! {
        read = tokio::task::spawn_blocking(read) => {
            read.map_err(|error| Error::internal("reading failed").source(error).into())
        }
        () = stop.cancelled() => Err(CliError::Exit(INTERRUPTED)),
    }
}

fn print(value: &Value) -> Result<()> {
    print_json(value).map_err(|error| Error::internal("cannot write the answer").source(error))
}

/// Parses the arguments from JSON text, `@FILE`, or `-`.
fn arguments(text: &str) -> Result<JsonObject> {
    let unreadable =
        |error: std::io::Error| Error::invalid_input(format!("the arguments cannot be read: {error}"));
    let read = match text.strip_prefix('@') {
        Some(file) => {
            let opened = std::fs::File::open(file).map_err(unreadable)?;
            limited(opened).map_err(unreadable)?
        }
        None if text == "-" => limited(std::io::stdin().lock()).map_err(unreadable)?,
        None => text.to_owned(),
    };
    match serde_json::from_str(&read) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Error::invalid_input("the arguments must be a JSON object")
            .hint("write them as '{\"name\": value}'")),
        Err(error) => Err(Error::invalid_input(format!("the arguments are not JSON: {error}"))
            .hint("write them as '{\"name\": value}', or name a file with @FILE")),
    }
}

fn limited(source: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    source.take(MAX_ARGUMENTS).read_to_string(&mut text)?;
    Ok(text)
}

async fn print_progress(mut reports: mpsc::Receiver<Update>) {
    while let Some(report) = reports.recv().await {
        eprint_line(&format!("{:>3.0} %  {}", report.percent, report.message));
    }
}

/// Puts a question to the person at the terminal; anything but a clear yes is a no.
fn ask(question: &str) -> Result<bool> {
    let failed = |error: std::io::Error| Error::internal("the question could not be asked").source(error);
    eprint_line(question);
    let mut stderr = std::io::stderr().lock();
    stderr.write_all(b"[y/N] ").and_then(|()| stderr.flush()).map_err(failed)?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Writes the files of an answer into `folder`, or says that there are some.
///
/// A link leads to the whole file, of which an inline picture is only the preview.
async fn write_files(app: &App, blocks: &[Block], folder: Option<&Path>) -> Result<()> {
    let has_files = blocks.iter().any(|block| matches!(block, Block::Link { uri, .. } if is_resource(uri)));
    for (number, block) in blocks.iter().enumerate() {
        match (block, folder) {
            (Block::Image { bytes, mime_type }, Some(folder)) if !has_files => {
                let extension = mime_type.rsplit('/').next().unwrap_or("bin");
                let name = format!("picture-{}.{extension}", number + 1);
                let file = new_file::write(&folder.join(name), bytes)?;
                eprint_line(&format!("picture: {}", file.display()));
            }
            (Block::Link { uri, name, .. }, Some(folder)) if is_resource(uri) => {
                let (resource, _) = app.read(&Caller::local(), ToolFilter::default(), uri).await?;
                if let Resource::File(read) = resource {
                    let file = new_file::write(&folder.join(plain_name(name)), &read.bytes)?;
                    eprint_line(&format!("file: {}", file.display()));
                }
            }
            (Block::Image { .. }, Some(_)) => {}
            (Block::Image { bytes, mime_type }, None) => {
                eprint_line(&format!(
                    "a picture of {} bytes ({mime_type}); --out FOLDER keeps it",
                    bytes.len()
                ));
            }
            (Block::Link { uri, name, .. }, _) => eprint_line(&format!("{name}: {uri}")),
        }
    }
    if has_files && folder.is_none() {
        eprint_line("--out FOLDER writes the files");
    }
    Ok(())
}

/// Returns a name without folders, which the server may put into it.
fn plain_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|letter| if matches!(letter, '/' | '\\' | ':') || letter.is_control() { '_' } else { letter })
        .collect();
    let plain = plain.trim_start_matches('.');
    if plain.is_empty() { "file".to_owned() } else { plain.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_come_from_text_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        std::fs::write(&file, r#"{"a": 1}"#).unwrap();
        assert_eq!(arguments(r#"{"a": 1}"#).unwrap(), arguments(&format!("@{}", file.display())).unwrap());
    }

    #[test]
    fn names_from_the_server_stay_in_the_folder() {
        for (name, plain) in [("a b.png", "a b.png"), ("../../x", "_.._x"), ("C:\\x", "C__x"), ("..", "file")]
        {
            assert_eq!(plain_name(name), plain);
        }
    }

    #[test]
    fn arguments_that_are_no_object_say_how_to_write_them() {
        for text in ["[1]", "{", "@/nowhere/a.json"] {
            let error = arguments(text).unwrap_err();
            assert!(error.message().starts_with("the arguments "), "{error}");
        }
    }
}

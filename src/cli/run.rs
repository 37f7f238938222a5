//! Runs a command line: parses it, loads the configuration, starts what is needed, dispatches.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use super::arguments::{Arguments, Command, Serve};
use super::error::{CliError, FAILED, INTERRUPTED};
use super::output::eprint_line;
use super::{
    audit, call, convert, demo, diff, doctor, healthcheck, inspect, reference, serve, setup, sim, stop,
    tools, validate, workflows,
};
use crate::config::{self, Config, Environment, LoadOptions, Loaded, LogFormat};
use crate::telemetry;
use comfywarden_policy::{display, redact};

/// The most threads; more only cost memory, since the work is waiting.
const MAX_THREADS: usize = 4;

/// Runs the command line.
pub fn run() -> ExitCode {
    let mut arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(FAILED);
            if error.use_stderr() {
                // It quotes what was typed, and that may be a secret in the wrong place.
                eprint_line(error.render().to_string().trim_end());
                return ExitCode::from(code);
            }
            return if error.print().is_ok() { ExitCode::from(code) } else { ExitCode::from(FAILED) };
        }
    };
    if arguments.command.is_none() {
        if std::io::stdin().is_terminal() {
            let printed = Arguments::command().print_help();
            return if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) };
        }
        arguments.command = Some(Command::Serve(Serve::default()));
    }
    // The provider that reqwest and the socket share; a second call is refused and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let environment = Environment::process();
    let options = arguments.load_options(environment);
    let loaded = config::load(&options);
    let one_client = matches!(arguments.command, Some(Command::Serve(_)))
        && loaded.as_ref().is_ok_and(|loaded| !loaded.config.transport.remote.enabled);
    let runtime = match runtime(one_client) {
        Ok(runtime) => runtime,
        Err(error) => {
            eprint_line(&format!("cannot start: {error}"));
            return ExitCode::from(FAILED);
        }
    };
    let ended = runtime.block_on(dispatch(arguments, &options, loaded));
    // A thread that reads standard input cannot be stopped; nobody waits for it.
    runtime.shutdown_timeout(Duration::from_millis(10));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// The shortest secret that is searched for; shorter ones are words that may stand in any line.
const MIN_SECRET_LENGTH: usize = 6;

/// Builds the runtime: one thread for one client on a pipe, since handing its calls to another costs more than they do.
fn runtime(one_client: bool) -> std::io::Result<Runtime> {
    if one_client {
        return Builder::new_current_thread().enable_all().build();
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    Builder::new_multi_thread().worker_threads(threads).enable_all().build()
}

async fn dispatch(
    arguments: Arguments,
    options: &LoadOptions,
    loaded: Result<Loaded, config::Error>,
) -> Result<(), CliError> {
    let (level, json) = match &loaded {
        Ok(loaded) => (loaded.config.logging.level.as_str(), loaded.config.logging.format == LogFormat::Json),
        Err(_) => ("warn", false),
    };
    telemetry::init(level, json, log_redactor(loaded.as_ref().ok().map(|loaded| &loaded.config)));
    log_panics_redacted();
    let stop = stop::token();
    let named = arguments.global.comfyui_url.is_some() || options.environment.get("COMFYUI_URL").is_some();
    let command = arguments.command.unwrap_or(Command::Serve(Serve::default()));
    if let Command::Doctor(wanted) = &command {
        return unless_interrupted(&stop, doctor::run(wanted, loaded, config::locate(options))).await;
    }
    if let Command::Sim(wanted) = &command {
        return sim::run(wanted, stop).await;
    }
    if let Command::Reference(wanted) = &command {
        return reference::run(wanted);
    }
    if let Command::Setup(wanted) = &command {
        let flag = arguments.global.comfyui_url.as_ref().map(url::Url::as_str);
        return setup::run(wanted, &options.environment, flag.or(options.environment.get("COMFYUI_URL")));
    }
    let loaded = loaded?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let config = loaded.config;
    match command {
        Command::Serve(_) => Box::pin(serve::run(config, stop)).await,
        Command::Demo(wanted) => Box::pin(demo::run(&wanted, config, named, stop)).await,
        Command::Tools(wanted) => unless_interrupted(&stop, tools::run(&wanted, config)).await,
        Command::Workflows(wanted) => unless_interrupted(&stop, workflows::run(&wanted, config)).await,
        Command::Call(wanted) => Box::pin(call::run(&wanted, config, stop)).await,
        Command::Inspect(wanted) => inspect::run(&wanted, &config),
        Command::Convert(wanted) => unless_interrupted(&stop, convert::run(&wanted, config)).await,
        Command::Validate(wanted) => unless_interrupted(&stop, validate::run(&wanted, config)).await,
        Command::Diff(wanted) => unless_interrupted(&stop, diff::run(&wanted, config)).await,
        Command::Healthcheck { http } => unless_interrupted(&stop, healthcheck::run(&config, http)).await,
        Command::Audit(wanted) => unless_interrupted(&stop, audit::run(&wanted, &config)).await,
        Command::Doctor(_) | Command::Sim(_) | Command::Setup(_) | Command::Reference(_) => Ok(()),
    }
}

/// Runs a command that has nothing to tidy up when it is interrupted.
async fn unless_interrupted(
    stop: &CancellationToken,
    command: impl Future<Output = Result<(), CliError>>,
) -> Result<(), CliError> {
    tokio::select! {
        ended = command => ended,
        () = stop.cancelled() => Err(CliError::Exit(INTERRUPTED)),
    }
}

/// Returns the filter of the diagnostic log: it redacts configured secrets by their value and others by their shape.
fn log_redactor(config: Option<&Config>) -> impl Fn(&str) -> String + Send + Sync + use<> {
    let secrets: Vec<SecretString> = config.iter().flat_map(|config| config.secrets()).cloned().collect();
    move |line| {
        let known = secrets
            .iter()
            .map(ExposeSecret::expose_secret)
            .filter(|secret| secret.len() >= MIN_SECRET_LENGTH);
        let line = known.fold(line.to_owned(), |line, secret| line.replace(secret, redact::REDACTED));
        display::sanitize(&redact::redact_text(&line)).into_owned()
    }
}

/// Sends panics, whose messages may quote secrets, through the diagnostic log.
fn log_panics_redacted() {
    std::panic::set_hook(Box::new(|info| {
        let message = info.to_string();
        let redacted = redact::redact_text(&message);
        tracing::error!("{}", display::sanitize(&redacted).replace('\n', " "));
    }));
}

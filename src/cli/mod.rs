//! The command line, one file per command.
//!
//! Standard output carries only what a command answers (and MCP, for `serve`); everything else goes to stderr.
//! [`run`] is the one place that builds a runtime and decides the exit code.

mod arguments;
mod audit;
mod call;
mod convert;
mod demo;
mod diff;
mod doctor;
mod error;
mod files;
mod healthcheck;
mod inspect;
mod layout;
mod line_finder;
mod new_file;
mod output;
mod reference;
mod rules;
mod run;
mod sarif;
mod serve;
mod setup;
mod sim;
mod stop;
mod tools;
mod validate;
mod workflows;

pub use run::run;

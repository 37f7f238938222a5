//! Scores comfywarden's rules on a corpus of labelled cases.
//!
//! `cargo run --release --example score_corpus -- convert DIR [--misses]`
//! `cargo run --release --example score_corpus -- bombs DIR [--misses]`
//! `cargo run --release --example score_corpus -- paths|urls|workflows|redaction FILE [--tier must|policy|all] [--misses]`
//!
//! `workflows` takes `--object-info FILE`, the node catalogue for cases that bring none.
//!
//! The last line is one JSON object with the counts.

mod bombs;
mod case;
mod convert;
mod paths;
mod redaction;
#[cfg(test)]
mod tests;
mod urls;
mod workflows;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use case::Tier;

/// The node catalogue that the corpus was labelled with.
const CATALOGUE: &str = "../shared/recordings/http/object_info_full.json";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let misses = arguments.iter().any(|argument| argument == "--misses");
    if let [corpus, directory, ..] = arguments
        && corpus == "convert"
    {
        return convert::score(directory, misses);
    }
    match arguments {
        [mode, directory, ..] if mode == "bombs" => return bombs::score(directory, misses),
        [mode, file, kind] if mode == "bomb" => return bombs::one(file, kind),
        _ => {}
    }
    let value_of = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1)
    };
    let tier: Tier = value_of("--tier").map_or("all", String::as_str).parse()?;
    let [corpus, file, ..] = arguments else {
        return Err(
            "usage: score_corpus paths|urls|workflows|redaction FILE [--tier must|policy|all] [--misses]"
                .into(),
        );
    };
    let cases = case::read(file, tier)?;
    let score = match corpus.as_str() {
        "paths" => paths::score(&cases),
        "workflows" => {
            let file = value_of("--object-info").map_or(CATALOGUE, String::as_str);
            let catalogue = case::catalogue(file);
            if let Err(error) = &catalogue {
                writeln!(io::stderr(), "scored without a node catalogue: {error}")?;
            }
            workflows::score(&cases, catalogue.ok().as_ref())
        }
        "urls" => urls::score(&cases),
        "redaction" => redaction::score(&cases),
        other => return Err(format!("no corpus `{other}`: paths, urls, workflows, redaction").into()),
    };
    let mut out = io::stdout().lock();
    if misses {
        for miss in &score.misses {
            writeln!(out, "{miss}")?;
        }
    }
    writeln!(out, "{}", score.to_json(corpus, tier, cases.len()))?;
    Ok(())
}

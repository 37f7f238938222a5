//! Names: accept or refuse.

use comfywarden_policy::{PathSegment, Subfolder, UploadName};
use serde_json::Value;

use crate::case::{Case, Score, text};

/// Parses each name as its kind.
pub(crate) fn score(cases: &[Case]) -> Score {
    let mut score = Score::new(&["wrong_accept", "wrong_reject"]);
    for (line, case) in cases {
        // Text that Rust cannot hold never reaches the rules: it is refused while it is read.
        let Some(case) = case else {
            if line.contains("\"expect\": \"accept\"") {
                score.miss("wrong_reject", line);
            }
            continue;
        };
        let input = text(case, "input");
        let refused = match text(case, "kind") {
            "filename" => UploadName::parse(input).err(),
            "subfolder" => Subfolder::parse(input).err(),
            _ => PathSegment::parse(input).err(),
        };
        let accept = text(case, "expect") == "accept";
        if accept != refused.is_none() {
            let name = if accept { "wrong_reject" } else { "wrong_accept" };
            let why = refused.map(|error| error.message().to_owned()).unwrap_or_default();
            score.miss(
                name,
                format_args!("{} {} ({}) {why}", text(case, "kind"), Value::from(input), text(case, "why")),
            );
        }
    }
    score
}

//! What known clients can take of an answer. The name is what a client says of itself, in the handshake or with each
//! request; it changes how an answer is laid out and never what is allowed.

use rmcp::{RoleServer, service::RequestContext};

use crate::tools::Fit;

/// A client that is known to take less than others, or to show less.
struct KnownClient {
    /// The names it goes by.
    names: &'static [&'static str],
    text: usize,
    whole: usize,
    pictures: bool,
}

const MEGABYTE: usize = 1 << 20;

/// Pictures have the size that model providers' interfaces take (5 MB in base64, 8000 pixels on a side, 2000 where
/// there are many) before they get here: at most 512 pixels and 100 kB.
const KNOWN: &[KnownClient] = &[
    // Its documentation: results beyond 25,000 tokens or 50,000 characters become a file.
    KnownClient { names: &["claude-code"], text: 40_000, whole: MEGABYTE, pictures: true },
    // Its message `result exceeds maximum length of 1048576`, strickvl/mcp-beeminder#2.
    KnownClient {
        names: &["claude-ai", "Anthropic/ClaudeAI"],
        text: 40_000,
        whole: MEGABYTE,
        pictures: true,
    },
    // 10,000 tokens of each tool result, at three bytes of JSON a token; cobuildwithus/murph#785.
    KnownClient { names: &["codex-mcp-client"], text: 30_000, whole: MEGABYTE, pictures: true },
    // Pictures of tool results do not reach the model, github/copilot-cli#4536, github/app#1706.
    KnownClient {
        names: &["github-copilot-developer", "copilot-cli"],
        text: 40_000,
        whole: MEGABYTE,
        pictures: false,
    },
];

/// What the client of this request can take.
pub(super) fn fit_of(context: &RequestContext<RoleServer>) -> Fit {
    context.client_info().map_or_else(Fit::default, |client| fit(&client.name))
}

fn fit(name: &str) -> Fit {
    // A bridge adds itself to the name of the client that it speaks for.
    let name = name.split(" (via ").next().unwrap_or(name).trim();
    let known = KNOWN.iter().find(|known| known.names.iter().any(|listed| listed.eq_ignore_ascii_case(name)));
    known.map_or_else(Fit::default, |known| Fit {
        text: known.text,
        whole: known.whole,
        pictures: known.pictures,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_is_laxer_than_the_default() {
        let default = Fit::default();
        for known in KNOWN {
            for name in known.names {
                let fit = fit(name);
                assert!(fit.text <= default.text && fit.whole <= default.whole, "{name}: {fit:?}");
            }
        }
    }

    #[test]
    fn names_are_found_whatever_stands_between() {
        assert!(!fit("GitHub-Copilot-Developer").pictures);
        assert_eq!(fit("codex-mcp-client (via mcp-remote 0.1.37)").text, 30_000);
        assert_eq!(fit("codex-mcp-client-2"), Fit::default());
        assert_eq!(fit(""), Fit::default());
    }
}

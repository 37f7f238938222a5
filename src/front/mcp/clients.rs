//! Limits of known clients for results. A client gives its name in the handshake or with each request; the name changes
//! how a result is laid out and never what is allowed.

use rmcp::{RoleServer, service::RequestContext};

use crate::front::encode::ResultLimits;

/// A client that takes less than others, or shows less.
struct KnownClient {
    /// Names that it gives.
    names: &'static [&'static str],
    json: usize,
    total: usize,
    pictures: bool,
}

const MEGABYTE: usize = 1 << 20;

/// Clients with known limits. Pictures meet those of model providers (5 MB in base64, 8000 pixels on a side, 2000 where
/// there are many) before they get here: at most 512 pixels and 100 kB.
const KNOWN: &[KnownClient] = &[
    // Its documentation: results beyond 25,000 tokens or 50,000 characters become a file.
    KnownClient { names: &["claude-code"], json: 40_000, total: MEGABYTE, pictures: true },
    // Its message `result exceeds maximum length of 1048576`, strickvl/mcp-beeminder#2.
    KnownClient {
        names: &["claude-ai", "Anthropic/ClaudeAI"],
        json: 40_000,
        total: MEGABYTE,
        pictures: true,
    },
    // 10,000 tokens of each tool result, at three bytes of JSON a token; cobuildwithus/murph#785.
    KnownClient { names: &["codex-mcp-client"], json: 30_000, total: MEGABYTE, pictures: true },
    // Pictures of tool results do not reach the model, github/copilot-cli#4536, github/app#1706.
    KnownClient {
        names: &["github-copilot-developer", "copilot-cli"],
        json: 40_000,
        total: MEGABYTE,
        pictures: false,
    },
];

/// Limits of the client of this request.
pub(super) fn limits_of(context: &RequestContext<RoleServer>) -> ResultLimits {
    context.client_info().map_or_else(ResultLimits::default, |client| limits(&client.name))
}

fn limits(name: &str) -> ResultLimits {
    // A bridge adds itself to the name of the client that it speaks for.
    let name = name.split(" (via ").next().unwrap_or(name).trim();
    let known = KNOWN.iter().find(|known| known.names.iter().any(|listed| listed.eq_ignore_ascii_case(name)));
    known.map_or_else(ResultLimits::default, |known| ResultLimits {
        json: known.json,
        total: known.total,
        pictures: known.pictures,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_is_laxer_than_the_default() {
        let default = ResultLimits::default();
        for known in KNOWN {
            for name in known.names {
                let limits = limits(name);
                assert!(limits.json <= default.json && limits.total <= default.total, "{name}: {limits:?}");
            }
        }
    }

    #[test]
    fn names_are_found_whatever_stands_between() {
        assert!(!limits("GitHub-Copilot-Developer").pictures);
        assert_eq!(limits("codex-mcp-client (via mcp-remote 0.1.37)").json, 30_000);
        assert_eq!(limits("codex-mcp-client-2"), ResultLimits::default());
        assert_eq!(limits(""), ResultLimits::default());
    }
}

//! Section `tools`: which tools are offered. A tool that is not offered cannot be called either.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use comfywarden_error::JsonObject;

/// Which tools are offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tools {
    /// The set to start from.
    pub profile: Profile,
    /// Tools added to the profile.
    pub include: Vec<String>,
    /// Tools taken away.
    pub exclude: Vec<String>,
    /// Only tools that change nothing; wins over everything else.
    pub read_only: bool,
    /// Seconds that a tool waits for its job before it answers `running`.
    #[schemars(range(min = 0, max = 3600))]
    pub wait_seconds: u64,
    /// Values for arguments that a call leaves out, by tool and argument. What a user sets wins over them.
    pub defaults: BTreeMap<String, JsonObject>,
    /// Where the users' own defaults are kept. A relative path starts at the configuration file's folder.
    #[schemars(length(min = 1))]
    pub defaults_file: PathBuf,
}

impl Default for Tools {
    fn default() -> Self {
        Self {
            profile: Profile::Full,
            include: Vec::new(),
            exclude: Vec::new(),
            read_only: false,
            wait_seconds: 50,
            defaults: BTreeMap::new(),
            defaults_file: PathBuf::from("./defaults.json"),
        }
    }
}

/// A named set of tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// All tools.
    #[default]
    Full,
    /// The tools of everyday work.
    Core,
    /// Only tools that change nothing.
    Readonly,
    /// A few tools that find and run the others.
    Compact,
}

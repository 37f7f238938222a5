//! One type per kind of name, which only [`parse`](UploadName::parse) can make.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    extensions::{self, extension_of},
    rules::{InvalidName, Kind, MAX_COMPONENT_BYTES, MAX_PATH_BYTES, check_component, check_relative},
};
use crate::display;
use comfywarden_error::{Error, Result};

macro_rules! name_type {
    ($(#[doc = $doc:literal])+ $name:ident, $what:literal, $most:expr, $check:expr) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Accepts the name as it is, or returns the reason against it.
            pub fn parse(text: &str) -> Result<Self> {
                let check: fn(&str) -> std::result::Result<(), InvalidName> = $check;
                match check(text) {
                    Ok(()) => Ok(Self(text.to_owned())),
                    Err(refusal) => Err(refuse($what, text, refusal)),
                }
            }

            /// Returns the name exactly as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(|error| serde::de::Error::custom(error.message()))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "maxLength": $most })
            }
        }
    };
}

name_type!(
    /// The name of a file to upload: one component with a picture's extension (or `.json`).
    UploadName, "a file name to upload", MAX_COMPONENT_BYTES,
    |text| check_file(text, extensions::UPLOAD, extensions::NO_UPLOAD)
);
name_type!(
    /// The name of a file that ComfyUI made: one component with the extension of something it saves.
    OutputName, "an output's file name", MAX_COMPONENT_BYTES,
    |text| check_file(text, extensions::OUTPUT, extensions::NO_OUTPUT)
);
name_type!(
    /// A folder below ComfyUI's input or output folder; empty is that folder itself.
    Subfolder, "a subfolder", MAX_PATH_BYTES, |text| {
        if text.is_empty() { Ok(()) } else { check_relative(text).map(drop) }
    }
);
name_type!(
    /// A model folder as ComfyUI names it, such as `checkpoints`.
    ModelFolder, "a model folder", MAX_COMPONENT_BYTES, |text| check_component(text, Kind::Name)
);
name_type!(
    /// A model's name within its folder; may have folders in it.
    ModelName, "a model name", MAX_PATH_BYTES, |text| {
        if text.ends_with(['/', '\\']) { Err(InvalidName("it names a folder")) } else { check_relative(text).map(drop) }
    }
);
name_type!(
    /// One segment of a URL path, such as a node class. It is percent-encoded when it is used.
    PathSegment, "a name in a URL", MAX_COMPONENT_BYTES, |text| check_component(text, Kind::Segment)
);

fn check_file(
    text: &str,
    extensions: &[&str],
    otherwise: &'static str,
) -> std::result::Result<(), InvalidName> {
    check_component(text, Kind::Name)?;
    if text.ends_with("[input]") || text.ends_with("[output]") || text.ends_with("[temp]") {
        return Err(InvalidName(
            "it ends with the mark of a folder; give the name without it, and the folder as `type`",
        ));
    }
    if text.contains("..") {
        return Err(InvalidName("it has `..`, which ComfyUI refuses to show"));
    }
    match extension_of(text) {
        None => Err(InvalidName("it has no extension such as `.png`")),
        Some(extension) if extensions.contains(&extension.as_str()) => Ok(()),
        Some(_) => Err(InvalidName(otherwise)),
    }
}

fn refuse(what: &str, text: &str, refusal: InvalidName) -> Error {
    let cut: String = text.chars().take(80).collect();
    Error::invalid_input(format!("`{}` is not accepted as {what}: {}", display::sanitize(&cut), refusal.0))
        .hint("names are accepted or refused as they are, never changed; give a plain relative name")
}

/// The folder itself.
impl Default for Subfolder {
    fn default() -> Self {
        Self(String::new())
    }
}

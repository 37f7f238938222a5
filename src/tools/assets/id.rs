//! The name of an asset: where its file is and which prompt made it, in one checksummed word.
//!
//! Nothing is stored for it, so it outlives restarts of both sides. The checksum catches typing errors and
//! invented ids; it is no proof of anything, so every part still passes the rules for names.

use std::{borrow::Cow, fmt};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::comfy::{FileType, OutputFile, OutputRef, PromptId};
use comfywarden_error::{Error, Result};
use comfywarden_policy::path::{OutputName, Subfolder};

const PREFIX: &str = "asset_";
/// The layout of the bytes; another layout gets another number.
const VERSION: u8 = 1;
const CHECKSUM: usize = 6;
/// The longest id: the longest subfolder, file name and prompt id, and what holds them together.
const MAX_TEXT: usize = 2_048;

/// Kinds of prompt ids in an encoded asset id.
const NO_PROMPT: u8 = 0;
const UUID_PROMPT: u8 = 1;
const TEXT_PROMPT: u8 = 2;

/// One file of ComfyUI and the prompt that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetId {
    file_type: FileType,
    subfolder: Subfolder,
    filename: OutputName,
    prompt_id: Option<PromptId>,
}

impl AssetId {
    /// The asset in this place. Without a prompt id only the file itself can tell how it was made.
    pub fn new(
        file_type: FileType,
        subfolder: Subfolder,
        filename: OutputName,
        prompt_id: Option<PromptId>,
    ) -> Self {
        Self { file_type, subfolder, filename, prompt_id }
    }

    /// The asset of a job's output. Fails for texts, and for names that the path rules refuse.
    pub fn of(output: &OutputFile, prompt_id: &PromptId) -> Result<Self> {
        let (subfolder, filename) =
            (Subfolder::parse(&output.subfolder)?, OutputName::parse(&output.filename)?);
        Ok(Self::new(output.file_type, subfolder, filename, Some(prompt_id.clone())))
    }

    /// The id of a job's output as text; nothing for what has none.
    pub(crate) fn text_of(output: &OutputFile, prompt_id: &PromptId) -> Option<String> {
        let is_file = !output.filename.is_empty();
        Self::of(output, prompt_id).ok().filter(|_| is_file).map(|id| id.to_string())
    }

    /// Reads an id. One that is cut, mistyped or made up is refused, and so is one that names a dangerous path.
    pub fn parse(text: &str) -> Result<Self> {
        let not_whole = |why: &str| {
            // Whoever read the argument says which one it was.
            Error::invalid_input(format!("the id {why}"))
                .hint("pass the id on exactly as comfyui_list_assets gave it")
        };
        let body = text
            .strip_prefix(PREFIX)
            .ok_or_else(|| not_whole("is no asset id: those begin with `asset_`"))?;
        if text.len() > MAX_TEXT {
            return Err(not_whole("is longer than any asset id"));
        }
        let damaged = || not_whole("is damaged: its checksum does not fit");
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_| damaged())?;
        let at = bytes.len().checked_sub(CHECKSUM).ok_or_else(damaged)?;
        let (payload, given) = bytes.split_at(at);
        if checksum(payload) != *given {
            return Err(damaged());
        }
        Self::read(payload).ok_or_else(|| not_whole("was made by another version of comfywarden"))?
    }

    /// `None` for a layout that is not ours, an error for a name that is refused.
    fn read(payload: &[u8]) -> Option<Result<Self>> {
        let mut rest = payload;
        if take(&mut rest, 1)? != [VERSION] {
            return None;
        }
        let file_type = match take(&mut rest, 1)? {
            [0] => FileType::Output,
            [1] => FileType::Input,
            [2] => FileType::Temp,
            _ => return None,
        };
        let prompt_form = *take(&mut rest, 1)?.first()?;
        let subfolder = take_text(&mut rest)?;
        let filename = take_text(&mut rest)?;
        let prompt_id = match prompt_form {
            NO_PROMPT if rest.is_empty() => None,
            UUID_PROMPT => Some(uuid::Uuid::from_slice(rest).ok()?.to_string()),
            TEXT_PROMPT => Some(std::str::from_utf8(rest).ok()?.to_owned()),
            _ => return None,
        };
        let parts = || -> Result<Self> {
            let (subfolder, filename) = (Subfolder::parse(subfolder)?, OutputName::parse(filename)?);
            let prompt_id = prompt_id.as_deref().map(PromptId::parse).transpose()?;
            Ok(Self::new(file_type, subfolder, filename, prompt_id))
        };
        Some(parts())
    }

    /// ComfyUI's root.
    pub fn file_type(&self) -> FileType {
        self.file_type
    }

    /// The folder below the root.
    pub fn subfolder(&self) -> &Subfolder {
        &self.subfolder
    }

    /// The file's name.
    pub fn filename(&self) -> &OutputName {
        &self.filename
    }

    /// The prompt that made it, where that is known.
    pub fn prompt_id(&self) -> Option<&PromptId> {
        self.prompt_id.as_ref()
    }

    /// The file, for reading it.
    pub fn file(&self) -> OutputRef {
        OutputRef { filename: self.filename.clone(), subfolder: self.subfolder.clone(), kind: self.file_type }
    }

    /// True when this output of a job is the asset's file.
    pub fn is(&self, output: &OutputFile) -> bool {
        output.file_type == self.file_type
            && output.filename == self.filename.as_str()
            && output.subfolder == self.subfolder.as_str()
    }
}

fn checksum(payload: &[u8]) -> [u8; CHECKSUM] {
    let digest = Sha256::new().chain_update(b"comfywarden asset\n").chain_update(payload).finalize();
    let mut sum = [0; CHECKSUM];
    sum.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    sum
}

fn take<'b>(rest: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn take_text<'b>(rest: &mut &'b [u8]) -> Option<&'b str> {
    let length = u16::from_be_bytes(take(rest, 2)?.try_into().ok()?);
    std::str::from_utf8(take(rest, length.into())?).ok()
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    // The path rules keep both names far below 64 KiB.
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

impl fmt::Display for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prompt = self.prompt_id.as_ref().map(PromptId::as_str);
        let uuid = prompt.and_then(|id| uuid::Uuid::parse_str(id).ok().filter(|uuid| uuid.to_string() == id));
        let file_type = match self.file_type {
            FileType::Output => 0,
            FileType::Input => 1,
            FileType::Temp => 2,
        };
        let form = match (prompt, uuid) {
            (None, _) => NO_PROMPT,
            (Some(_), Some(_)) => UUID_PROMPT,
            (Some(_), None) => TEXT_PROMPT,
        };
        let mut bytes = vec![VERSION, file_type, form];
        push_text(&mut bytes, self.subfolder.as_str());
        push_text(&mut bytes, self.filename.as_str());
        match (uuid, prompt) {
            (Some(uuid), _) => bytes.extend_from_slice(uuid.as_bytes()),
            (None, Some(text)) => bytes.extend_from_slice(text.as_bytes()),
            (None, None) => {}
        }
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum);
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl Serialize for AssetId {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AssetId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| {
            let hint = error.hint_text().map(|hint| format!("; {hint}")).unwrap_or_default();
            serde::de::Error::custom(format!("{}{hint}", error.message()))
        })
    }
}

impl JsonSchema for AssetId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AssetId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX_TEXT })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use comfywarden_error::Kind;

    fn id(subfolder: &str, filename: &str, prompt_id: Option<&str>) -> AssetId {
        AssetId::new(
            FileType::Temp,
            Subfolder::parse(subfolder).unwrap(),
            OutputName::parse(filename).unwrap(),
            prompt_id.map(|id| PromptId::parse(id).unwrap()),
        )
    }

    /// Bytes with a checksum that fits, as somebody who read this file could make them.
    fn forged(payload: &[u8]) -> String {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([payload, &checksum(payload)].concat()))
    }

    #[test]
    fn every_part_survives_the_way_there_and_back() {
        for (subfolder, filename, prompt_id) in [
            ("", "a.png", None),
            ("sub dir/ü", "100%25 #1.flac", Some("my-own-id-1")),
            ("", "ComfyUI_00001_.png", Some("5f0c2f0e-3f5e-4a52-9d3b-0d1c7b6f7a11")),
            ("", "upper.png", Some("5F0C2F0E-3F5E-4A52-9D3B-0D1C7B6F7A11")),
        ] {
            let asset = id(subfolder, filename, prompt_id);
            let text = asset.to_string();
            assert_eq!(AssetId::parse(&text).unwrap(), asset, "{text}");
        }
        let usual = id("", "ComfyUI_00001_.png", Some("5f0c2f0e-3f5e-4a52-9d3b-0d1c7b6f7a11")).to_string();
        assert!(usual.len() < 80, "{} characters are much for one line of a list", usual.len());
    }

    #[test]
    fn one_wrong_character_anywhere_is_noticed() {
        let text = id("sub", "a.png", Some("x")).to_string();
        for at in PREFIX.len()..text.len() {
            let mut wrong = text.clone().into_bytes();
            wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
            let error = AssetId::parse(std::str::from_utf8(&wrong).unwrap()).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidInput);
        }
        for bad in ["", "asset_", "a.png", &text[..text.len() - 1], &format!("{text}A"), &text.to_uppercase()]
        {
            let error = AssetId::parse(bad).unwrap_err();
            assert!(error.message().starts_with("the id ") && error.hint_text().is_some(), "{bad}: {error}");
        }
    }

    #[test]
    fn a_fitting_checksum_does_not_open_other_paths() {
        let payload = |subfolder: &str, filename: &str, prompt: &[u8]| {
            let mut bytes = vec![VERSION, 0, TEXT_PROMPT];
            push_text(&mut bytes, subfolder);
            push_text(&mut bytes, filename);
            [bytes, prompt.to_vec()].concat()
        };
        for bytes in [
            payload("../secret", "a.png", b"x"),
            payload("", "../a.png", b"x"),
            payload("", "/etc/passwd", b"x"),
            payload("", "a.png", b"a\nb"),
            payload("", "a.png", b"\xff"),
            vec![VERSION + 1, 0, 0],
            vec![VERSION, 7, 0],
            vec![VERSION],
            Vec::new(),
        ] {
            assert_eq!(AssetId::parse(&forged(&bytes)).unwrap_err().kind(), Kind::InvalidInput, "{bytes:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_an_id_or_an_error(text in "\\PC{0,80}", bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60)) {
            let _ = AssetId::parse(&text);
            if let Ok(read) = AssetId::parse(&forged(&bytes)) {
                proptest::prop_assert_eq!(AssetId::parse(&read.to_string()).unwrap(), read);
            }
        }
    }
}

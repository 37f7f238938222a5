//! A picture that ComfyUI holds, as `LoadImage` takes it: `name.png`, `folder/name.png`, `name.png [output]`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use super::Call;
use crate::comfy::{FileType, OutputRef};
use comfywarden_error::{Error, Kind, Result};
use comfywarden_policy::{
    display,
    path::{OutputName, Subfolder},
};
use comfywarden_workflow::nearest;

/// The longest value that is taken.
const MAX: usize = 500;

/// A picture in one of ComfyUI's folders; the input folder unless it says otherwise.
#[derive(Debug, Clone)]
pub(super) struct InputPicture {
    text: String,
    file: OutputRef,
}

impl InputPicture {
    fn parse(text: &str) -> Result<Self> {
        let roots =
            [(" [input]", FileType::Input), (" [output]", FileType::Output), (" [temp]", FileType::Temp)];
        let named = roots.iter().find_map(|(end, kind)| Some((text.strip_suffix(end)?, *kind)));
        let (path, kind) = named.unwrap_or((text, FileType::Input));
        if path.starts_with('/') {
            return Err(Error::invalid_input(format!(
                "`{}` is an absolute path; give one below ComfyUI's {} folder",
                display::sanitize(path),
                kind.as_str()
            )));
        }
        let (subfolder, filename) = path.rsplit_once('/').unwrap_or(("", path));
        // The folder first: what is wrong with `../../etc/passwd` is not its extension.
        let subfolder = Subfolder::parse(subfolder)?;
        let file = OutputRef { filename: OutputName::parse(filename)?, subfolder, kind };
        Ok(Self { text: text.to_owned(), file })
    }

    /// The value for the loader node.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Reference to the file.
    pub(super) fn file(&self) -> &OutputRef {
        &self.file
    }

    /// Refuses a picture that is not there, before anything is submitted.
    pub(super) async fn must_exist(&self, call: &Call, parameter: &str) -> Result<()> {
        let is_ours = match call.must_read(&self.file).await {
            Err(error) if error.kind() != Kind::NotFound => return Err(error),
            read => read.is_ok(),
        };
        if is_ours && call.backend().has_file(&self.file).await? {
            return Ok(());
        }
        let folder = match self.file.subfolder.as_str() {
            "" => format!("{} folder", self.file.kind.as_str()),
            subfolder => format!("{} folder, subfolder `{subfolder}`", self.file.kind.as_str()),
        };
        let name = self.file.filename.as_str();
        // The loader's own list, fresh: files come and go.
        let class = call.backend().object_info_class("LoadImage").await.ok().flatten();
        let there = class.and_then(|class| class.input("image")?.choices.clone()).unwrap_or_default();
        let near = nearest::did_you_mean(name, there.iter().filter_map(Value::as_str));
        let near = near.map(|text| format!("; {text}")).unwrap_or_default();
        Err(Error::not_found(format!("`{parameter}`: ComfyUI's {folder} has no `{name}`{near}"))
            .hint(
                "upload it with comfyui_upload_image and give the name it returns; \
                 a result of an earlier job is named `folder/name.png [output]`",
            )
            .detail("field", parameter))
    }
}

impl<'de> Deserialize<'de> for InputPicture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| D::Error::custom(error.message()))
    }
}

impl JsonSchema for InputPicture {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "InputPicture".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_folder_and_root() {
        for (text, folder, name, kind) in [
            ("a.png", "", "a.png", FileType::Input),
            ("sub/dir/a b.webp", "sub/dir", "a b.webp", FileType::Input),
            ("x/a.png [output]", "x", "a.png", FileType::Output),
            ("a.png [temp]", "", "a.png", FileType::Temp),
        ] {
            let picture = InputPicture::parse(text).unwrap();
            let file = picture.file();
            assert_eq!((file.subfolder.as_str(), file.filename.as_str(), file.kind), (folder, name, kind));
            assert_eq!(picture.as_str(), text);
        }
    }

    #[test]
    fn refuses_what_leaves_the_folder() {
        for text in ["../a.png", "/etc/a.png", "a/../../b.png", "C:\\a.png", "a.png [elsewhere]", "..", "a"] {
            assert!(InputPicture::parse(text).is_err(), "{text}");
        }
        for (text, why) in [
            ("../../etc/passwd", "climbs"),
            ("/a.png", "an absolute path"),
            ("/a.png [output]", "an absolute path"),
            ("a.html", "none of png, jpg"),
        ] {
            let error = InputPicture::parse(text).unwrap_err();
            assert!(error.message().contains(why), "{text}: {error}");
        }
    }
}

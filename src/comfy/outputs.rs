//! Files and texts of every kind that nodes left behind, read from history's `outputs`.

use serde_json::Value;

use super::{FileType, OutputFile, OutputKind};
use comfywarden_error::JsonObject;

/// Limit for a text output that is kept whole.
const MAX_TEXT: usize = 1 << 20;
/// Keys whose strings are text.
const TEXT_KEYS: [&str; 3] = ["text", "string", "texts"];

/// All outputs of a run, by node in the order of history.
pub(crate) fn read(outputs: &JsonObject) -> Vec<OutputFile> {
    let mut found: Vec<OutputFile> = Vec::new();
    for (node_id, output) in outputs {
        let Some(output) = output.as_object() else { continue };
        let first = found.len();
        for (key, value) in output {
            let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            for file in items.iter().filter_map(|item| read_item(node_id, key, item)) {
                // Some packs name one file under two keys.
                if !found.iter().skip(first).any(|known| *known == file) {
                    found.push(file);
                }
            }
        }
    }
    found
}

fn read_item(node_id: &str, key: &str, item: &Value) -> Option<OutputFile> {
    match item {
        Value::Object(entry) => read_file(node_id, entry),
        Value::String(text) if TEXT_KEYS.contains(&key) => Some(text_output(node_id, text)),
        Value::String(path) if key == "result" => result_file(node_id, path),
        _ => None,
    }
}

/// One `{filename, subfolder, type}`.
pub(crate) fn read_file(node_id: &str, entry: &JsonObject) -> Option<OutputFile> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let filename = text("filename").filter(|name| !name.is_empty())?;
    Some(file(node_id, filename, text("subfolder").unwrap_or_default(), file_type(text("type"))))
}

fn file(node_id: &str, filename: &str, subfolder: &str, file_type: FileType) -> OutputFile {
    let (kind, mime_type) = classify(filename);
    OutputFile {
        node_id: node_id.to_owned(),
        filename: filename.to_owned(),
        subfolder: subfolder.to_owned(),
        file_type,
        kind,
        mime_type: mime_type.map(str::to_owned),
        text: None,
    }
}

fn text_output(node_id: &str, text: &str) -> OutputFile {
    let text = match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}… (cut)", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    };
    OutputFile {
        node_id: node_id.to_owned(),
        filename: String::new(),
        subfolder: String::new(),
        file_type: FileType::Output,
        kind: OutputKind::Text,
        mime_type: Some("text/plain".to_owned()),
        text: Some(text),
    }
}

/// `Preview3D` gives `[model file, camera, background]`; the file may carry its folder and a ` [type]`.
fn result_file(node_id: &str, path: &str) -> Option<OutputFile> {
    let (path, annotated) = match path.strip_suffix(']').and_then(|rest| rest.rsplit_once(" [")) {
        Some((path, root)) => (path, Some(root)),
        None => (path, None),
    };
    if path.starts_with('/') || path.contains(['\\', ':']) {
        return None;
    }
    let (subfolder, filename) = path.rsplit_once('/').unwrap_or(("", path));
    let known = classify(filename).1.is_some();
    known.then(|| file(node_id, filename, subfolder, file_type(annotated)))
}

fn file_type(word: Option<&str>) -> FileType {
    match word {
        Some("temp") => FileType::Temp,
        Some("input") => FileType::Input,
        _ => FileType::Output,
    }
}

/// The media type that a file's extension tells.
pub fn media_type(filename: &str) -> Option<&'static str> {
    classify(filename).1
}

/// Tells the kind of a file by its extension.
pub fn media_kind(filename: &str) -> OutputKind {
    classify(filename).0
}

/// Kind and media type by extension. The key in history does not decide: videos come under `images`.
pub(crate) fn classify(filename: &str) -> (OutputKind, Option<&'static str>) {
    let extension = filename.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let (kind, mime_type) = match extension.as_deref().unwrap_or_default() {
        "png" | "apng" => (OutputKind::Image, "image/png"),
        "jpg" | "jpeg" => (OutputKind::Image, "image/jpeg"),
        "webp" => (OutputKind::Image, "image/webp"),
        "gif" => (OutputKind::Image, "image/gif"),
        "bmp" => (OutputKind::Image, "image/bmp"),
        "tif" | "tiff" => (OutputKind::Image, "image/tiff"),
        "avif" => (OutputKind::Image, "image/avif"),
        "svg" => (OutputKind::Image, "image/svg+xml"),
        "exr" => (OutputKind::Image, "image/x-exr"),
        "mp4" | "m4v" => (OutputKind::Video, "video/mp4"),
        "webm" => (OutputKind::Video, "video/webm"),
        "mkv" => (OutputKind::Video, "video/x-matroska"),
        "mov" => (OutputKind::Video, "video/quicktime"),
        "avi" => (OutputKind::Video, "video/x-msvideo"),
        "flac" => (OutputKind::Audio, "audio/flac"),
        "mp3" => (OutputKind::Audio, "audio/mpeg"),
        "wav" => (OutputKind::Audio, "audio/wav"),
        "opus" | "ogg" => (OutputKind::Audio, "audio/ogg"),
        "m4a" => (OutputKind::Audio, "audio/mp4"),
        "aac" => (OutputKind::Audio, "audio/aac"),
        "glb" => (OutputKind::ThreeD, "model/gltf-binary"),
        "gltf" => (OutputKind::ThreeD, "model/gltf+json"),
        "obj" => (OutputKind::ThreeD, "model/obj"),
        "stl" => (OutputKind::ThreeD, "model/stl"),
        "ply" | "fbx" | "usdz" | "splat" | "spz" | "ksplat" => {
            (OutputKind::ThreeD, "application/octet-stream")
        }
        "txt" | "srt" | "vtt" | "md" => (OutputKind::Text, "text/plain"),
        "json" => (OutputKind::Text, "application/json"),
        "csv" => (OutputKind::Text, "text/csv"),
        "latent" => (OutputKind::Latent, "application/octet-stream"),
        _ => return (OutputKind::File, None),
    };
    (kind, Some(mime_type))
}

#[cfg(test)]
mod tests {
    use super::*;
    use super::{
        FileType::{Input, Output, Temp},
        OutputKind::{Audio, File, Image, Latent, Text, ThreeD, Video},
    };

    fn found(outputs: &Value) -> Vec<(String, String, OutputKind, FileType)> {
        let files = read(outputs.as_object().unwrap());
        files
            .into_iter()
            .map(|f| {
                (f.node_id, f.text.unwrap_or(format!("{}/{}", f.subfolder, f.filename)), f.kind, f.file_type)
            })
            .collect()
    }

    #[test]
    fn reads_every_kind_from_every_key() {
        let outputs = serde_json::json!({
            "9": {"images": [{"filename": "a.PNG", "subfolder": "", "type": "output"}]},
            "10": {"images": [{"filename": "v.mp4", "subfolder": "video", "type": "output"}], "animated": [true]},
            "11": {"gifs": [{"filename": "g.gif", "subfolder": "", "type": "temp", "format": "image/gif"}]},
            "12": {"audio": [{"filename": "s.flac", "subfolder": "audio", "type": "output"}]},
            "13": {"3d": [{"filename": "m.glb", "subfolder": "", "type": "output"}]},
            "14": {"text": ["one", "two"]},
            "15": {"latents": [{"filename": "x.latent", "subfolder": "latents", "type": "output"}]},
            "16": {"result": ["3d/m2.glb [temp]", {"position": 1}, null]},
            "17": {"odd_key": [{"filename": "data.bin", "subfolder": "", "type": "input"}], "number": [3]},
            "18": {"video": {"filename": "w.webm"}},
            "19": null,
        });
        let expected = [
            ("9", "/a.PNG", Image, Output),
            ("10", "video/v.mp4", Video, Output),
            ("11", "/g.gif", Image, Temp),
            ("12", "audio/s.flac", Audio, Output),
            ("13", "/m.glb", ThreeD, Output),
            ("14", "one", Text, Output),
            ("14", "two", Text, Output),
            ("15", "latents/x.latent", Latent, Output),
            ("16", "3d/m2.glb", ThreeD, Temp),
            ("17", "/data.bin", File, Input),
            ("18", "/w.webm", Video, Output),
        ];
        let expected: Vec<_> =
            expected.iter().map(|(n, f, k, t)| ((*n).to_owned(), (*f).to_owned(), *k, *t)).collect();
        assert_eq!(found(&outputs), expected);
    }

    #[test]
    fn names_a_file_once_although_two_keys_list_it() {
        let entry = serde_json::json!({"filename": "a.gif", "subfolder": "", "type": "output"});
        assert_eq!(found(&serde_json::json!({"1": {"images": [entry], "gifs": [entry]}})).len(), 1);
    }

    #[test]
    fn leaves_absolute_paths_out() {
        assert!(found(&serde_json::json!({"1": {"result": ["/srv/m.glb", "C:\\m.glb"]}})).is_empty());
    }
}

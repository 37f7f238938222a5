//! Nodes that write files into the server's own store.

use chrono::{Datelike, Local, Timelike};
use serde_json::{Value, json};

use super::data::{Call, Data, Input, Raised, Work};
use crate::{
    picture::{self, Metadata},
    server::lock,
};

/// The target of a file: subfolder, name without number, and the number.
struct Target {
    subfolder: String,
    name: String,
    counter: u64,
}

/// Replaces `%year%`, `%width%` and their like.
fn expand(prefix: &str, width: u32, height: u32) -> String {
    let now = Local::now();
    let values: [(&str, String); 8] = [
        ("%width%", width.to_string()),
        ("%height%", height.to_string()),
        ("%year%", now.year().to_string()),
        ("%month%", format!("{:02}", now.month())),
        ("%day%", format!("{:02}", now.day())),
        ("%hour%", format!("{:02}", now.hour())),
        ("%minute%", format!("{:02}", now.minute())),
        ("%second%", format!("{:02}", now.second())),
    ];
    values.iter().fold(prefix.to_owned(), |text, (mark, value)| text.replace(mark, value))
}

/// Joins the prefix to the output folder the way a file system does; leaving the folder is an error.
fn target(call: &Call, kind: &str, prefix: &str, size: (u32, u32)) -> Result<Target, Raised> {
    const FRAMES: [(&str, u32, &str); 2] =
        [("nodes.py", 1656, "save_images"), ("folder_paths.py", 464, "get_save_image_path")];
    let prefix = expand(prefix, size.0, size.1);
    let (folder, name) = prefix.rsplit_once('/').unwrap_or(("", prefix.as_str()));
    let outside = || {
        // A neutral place: where a prefix really leads is nothing this server knows.
        let message = format!(
            "**** ERROR: Saving image outside the output folder is not allowed.\n full_output_folder: /srv/outside\n         output_dir: /srv/comfyui/{kind}\n         commonpath: /srv/outside"
        );
        Raised::new("Exception", message).with_frames(&FRAMES)
    };
    if prefix.starts_with('/') {
        return Err(outside());
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part != ".." {
            parts.push(part);
        } else if parts.pop().is_none() {
            return Err(outside());
        }
    }
    let subfolder = parts.join("/");
    let counter = lock(&call.server.files).next_counter(kind, &subfolder, name);
    Ok(Target { subfolder, name: name.to_owned(), counter })
}

/// Writes files with rising numbers and lists them as `/history` does.
fn write(call: &Call, kind: &str, target: &Target, extension: &str, files: Vec<Vec<u8>>) -> Vec<Value> {
    let mut listed = Vec::with_capacity(files.len());
    let mut store = lock(&call.server.files);
    for (counter, bytes) in (target.counter..).zip(files) {
        let filename = format!("{}_{counter:05}_.{extension}", target.name);
        store.put(kind, &target.subfolder, &filename, bytes);
        listed.push(json!({"filename": filename, "subfolder": target.subfolder, "type": kind}));
    }
    listed
}

fn first_size(images: &[image::RgbImage]) -> (u32, u32) {
    images.first().map(image::RgbImage::dimensions).unwrap_or_default()
}

/// The pictures to save: those of `images`, or a mask, or what a comparison shows.
fn pictures(call: &Call) -> Result<std::sync::Arc<Vec<image::RgbImage>>, Raised> {
    if let Some(masks) = call.masks("mask") {
        let pictures = masks.iter().map(|mask| image::DynamicImage::ImageLuma8(mask.clone()).to_rgb8());
        return Ok(std::sync::Arc::new(pictures.collect()));
    }
    call.some_images("images")
        .or_else(|| call.some_images("image_a"))
        .map_or_else(|| call.images("images"), Ok)
}

pub(super) fn images(call: &Call, kind: &str) -> Result<Work, Raised> {
    let images = pictures(call)?;
    let prefix = match kind {
        "temp" => format!("ComfyUI_temp_{}", random_letters()),
        _ => call.text("filename_prefix"),
    };
    let target = target(call, kind, &prefix, first_size(&images))?;
    let metadata = Metadata::of(&call.item);
    let files = images.iter().filter_map(|image| picture::encode_png(image, &metadata)).collect();
    let listed = write(call, kind, &target, "png", files);
    Ok(Work::default().shows(json!({"images": listed})))
}

/// Five letters that keep the names of one preview apart from another's.
fn random_letters() -> String {
    let id = uuid::Uuid::new_v4();
    id.as_bytes().iter().take(5).map(|byte| char::from(b'a' + byte % 26)).collect()
}

/// One file for the whole batch: the first picture stands for the animation.
pub(super) fn animated(call: &Call, extension: &str) -> Result<Work, Raised> {
    let images = call.images("images")?;
    let target = target(call, "output", &call.text("filename_prefix"), first_size(&images))?;
    let first = images.first();
    let bytes = match extension {
        "webp" => first.and_then(picture::encode_webp),
        _ => first.and_then(|image| picture::encode_png(image, &Metadata::of(&call.item))),
    };
    let listed = write(call, "output", &target, extension, vec![bytes.unwrap_or_default()]);
    Ok(Work::default().shows(json!({"images": listed, "animated": [true]})))
}

/// A file with the head of its format and nothing to play.
pub(super) fn video(call: &Call, extension: &str) -> Result<Work, Raised> {
    let target = target(call, "output", &call.text("filename_prefix"), (512, 512))?;
    let bytes = match extension {
        "webm" => picture::PLACEHOLDER_WEBM.to_vec(),
        _ => picture::PLACEHOLDER_MP4.to_vec(),
    };
    let listed = write(call, "output", &target, extension, vec![bytes]);
    Ok(Work::default().shows(json!({"images": listed, "animated": [true]})))
}

pub(super) fn audio(call: &Call, kind: &str, extension: &str) -> Result<Work, Raised> {
    let prefix = match kind {
        "temp" => format!("ComfyUI_temp_{}", random_letters()),
        _ => call.text("filename_prefix"),
    };
    let target = target(call, kind, &prefix, (0, 0))?;
    let bytes = match extension {
        "mp3" => picture::PLACEHOLDER_MP3.to_vec(),
        "opus" => picture::PLACEHOLDER_OPUS.to_vec(),
        _ => picture::PLACEHOLDER_FLAC.to_vec(),
    };
    let listed = write(call, kind, &target, extension, vec![bytes]);
    Ok(Work::default().shows(json!({"audio": listed})))
}

pub(super) fn mesh(call: &Call) -> Result<Work, Raised> {
    let target = target(call, "output", &call.text("filename_prefix"), (0, 0))?;
    let listed = write(call, "output", &target, "glb", vec![picture::PLACEHOLDER_GLB.to_vec()]);
    Ok(Work::default().shows(json!({"3d": listed})))
}

pub(super) fn mesh_view(call: &Call) -> Work {
    Work::default().shows(json!({"result": [call.text("model_file"), null, null]}))
}

pub(super) fn latent(call: &Call) -> Result<Work, Raised> {
    let target = target(call, "output", &call.text("filename_prefix"), (0, 0))?;
    let listed = write(call, "output", &target, "latent", vec![b"\x02\0\0\0\0\0\0\0{}".to_vec()]);
    Ok(Work::default().shows(json!({"latents": listed})))
}

/// Shows whatever comes in as text.
pub(super) fn any(call: &Call) -> Work {
    let text = match call.inputs.get("source") {
        Some(Input::Linked(Data::Literal(value)) | Input::Literal(value)) => crate::python::str(value),
        Some(Input::Linked(other)) => other.shown(),
        None => "None".to_owned(),
    };
    Work::default().shows(json!({"text": [text]}))
}

/// Sends the pictures over the socket instead of keeping them.
pub(super) fn websocket(call: &Call) -> Result<Work, Raised> {
    let images = call.images("images")?;
    let pictures =
        images.iter().filter_map(|image| picture::encode_png(image, &Metadata::default())).collect();
    Ok(Work { websocket_pictures: pictures, ..Work::default() })
}

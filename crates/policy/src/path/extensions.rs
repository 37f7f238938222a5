//! File extensions of each kind of name.

/// Extensions that may be uploaded.
pub(super) const UPLOAD: &[&str] = &["png", "jpg", "jpeg", "webp", "gif", "json"];

/// The reason against any other.
pub(super) const NO_UPLOAD: &str = "its extension is none of png, jpg, jpeg, webp, gif, json";

/// Extensions that may be read back: every kind of file that ComfyUI's own and the usual custom nodes save.
pub(super) const OUTPUT: &[&str] = &[
    // pictures
    "png",
    "jpg",
    "jpeg",
    "webp",
    "gif",
    "avif",
    "bmp",
    "tif",
    "tiff",
    "exr",
    "hdr",
    "apng",
    "jxl",
    // video
    "mp4",
    "webm",
    "mov",
    "mkv",
    "avi",
    "m4v",
    "ogv", //
    // audio
    "wav",
    "mp3",
    "flac",
    "ogg",
    "opus",
    "m4a",
    "aac", //
    // 3D
    "glb",
    "gltf",
    "obj",
    "ply",
    "stl",
    "fbx",
    "usdz",
    "splat",
    "spz",
    "ksplat", //
    // text and data
    "txt",
    "json",
    "csv",
    "srt",
    "vtt",
    "md",
    "latent",
    "safetensors",
    "npy",
];

/// The reason against any other.
pub(super) const NO_OUTPUT: &str = "its extension is none of png, jpg, jpeg, webp, gif, avif, bmp, tif, tiff, exr, hdr, \
    apng, jxl, mp4, webm, mov, mkv, avi, m4v, ogv, wav, mp3, flac, ogg, opus, m4a, aac, glb, gltf, obj, ply, stl, fbx, \
    usdz, splat, spz, ksplat, txt, json, csv, srt, vtt, md, latent, safetensors, npy";

/// Returns the extension of `name` in lower case; `None` without one.
pub(super) fn extension_of(name: &str) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then(|| extension.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_the_list() {
        for (list, sentence) in [(UPLOAD, NO_UPLOAD), (OUTPUT, NO_OUTPUT)] {
            assert_eq!(sentence, format!("its extension is none of {}", list.join(", ")));
        }
    }
}

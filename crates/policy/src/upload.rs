//! Checks uploads: strict base64, a size that is known before decoding, and content that is what its name says.

use std::{
    io::{Cursor, Read},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use image::{ImageFormat, ImageReader};

use super::{
    path::UploadName,
    rooted_dir::{Folder, locate},
};
use comfywarden_error::{Error, Result};

/// The longest side of an uploaded picture, in pixels: ComfyUI's own limit for pictures.
const MAX_SIDE: u32 = 16_384;
/// The most pixels of an uploaded picture.
const MAX_PIXELS: u64 = 100_000_000;
/// The most bytes of a colour profile; those of displays and printers have a tenth of that.
const MAX_PROFILE: u64 = 8 << 20;

/// Decodes base64 of at most `most` bytes. Padding, alphabet and trailing bits must be exact; a `data:` prefix is
/// named rather than guessed at. `field` is the argument that messages name.
pub fn decode(field: &str, text: &str, most: usize) -> Result<Vec<u8>> {
    if text.starts_with("data:") {
        return Err(Error::invalid_input(format!(
            "`{field}` is a data URI; only the part after the comma is wanted"
        ))
        .hint("send the base64 text alone"));
    }
    let size = text.len() / 4 * 3;
    if size > most.saturating_add(2) {
        return Err(too_large(size, most));
    }
    let bytes = STANDARD.decode(text).map_err(|e| {
        Error::invalid_input(format!("`{field}` is no base64: {e}"))
            .hint("use the standard alphabet with padding, without line breaks")
    })?;
    if bytes.len() > most { Err(too_large(bytes.len(), most)) } else { Ok(bytes) }
}

fn too_large(size: usize, most: usize) -> Error {
    Error::invalid_input(format!("the file has {size} bytes; at most {most} are accepted"))
        .hint("send a smaller file, or raise security.max_upload_size_mb")
        .detail("most_bytes", most)
}

/// A picture that was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// Its media type.
    pub mime_type: &'static str,
    /// The width in pixels.
    pub width: u32,
    /// The height in pixels.
    pub height: u32,
}

/// Checks that `bytes` are the kind of picture that `name` says, of a bearable size.
pub fn check(name: &UploadName, bytes: &[u8]) -> Result<Picture> {
    let extension = name.as_str().rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let expected = match extension.as_deref() {
        Some("png") => ImageFormat::Png,
        Some("jpg" | "jpeg") => ImageFormat::Jpeg,
        Some("webp") => ImageFormat::WebP,
        Some("gif") => ImageFormat::Gif,
        _ => {
            return Err(Error::invalid_input(format!("`filename`: `{}` is no picture", name.as_str()))
                .hint("accepted: .png, .jpg, .jpeg, .webp, .gif"));
        }
    };
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|e| Error::internal("the upload cannot be looked at").source(e))?;
    let found = reader.format();
    if found != Some(expected) {
        let found = found.map_or("no picture that is accepted", |format| format.to_mime_type());
        return Err(Error::invalid_input(format!(
            "`filename` says {} but the content is {found}",
            expected.to_mime_type()
        ))
        .hint("give the file the extension of its content, or convert it first"));
    }
    if expected == ImageFormat::Png && has_huge_profile(bytes) {
        return Err(Error::invalid_input(format!(
            "the picture's colour profile unpacks to more than {MAX_PROFILE} bytes"
        ))
        .hint("open it in an image editor and save it without a profile"));
    }
    let (width, height) = reader.into_dimensions().map_err(|e| {
        Error::invalid_input("the picture is damaged: its size cannot be read")
            .hint("open it in an image editor and save it again")
            .source(e)
    })?;
    if width == 0
        || height == 0
        || width.max(height) > MAX_SIDE
        || u64::from(width) * u64::from(height) > MAX_PIXELS
    {
        return Err(Error::invalid_input(format!(
            "the picture is {width}×{height}; accepted are 1 to {MAX_SIDE} on a side and {MAX_PIXELS} pixels in all"
        ))
        .hint("scale it down first"));
    }
    let behind = if expected == ImageFormat::Png { behind_the_end(bytes) } else { 0 };
    if behind > 0 {
        return Err(Error::invalid_input(format!("there are {behind} bytes behind the end of the picture"))
            .hint("open it in an image editor and save it again"));
    }
    Ok(Picture { mime_type: expected.to_mime_type(), width, height })
}

/// Counts the bytes after the last chunk of a PNG, where another file may hide.
fn behind_the_end(png: &[u8]) -> usize {
    chunks(png).find(|(kind, ..)| kind == b"IEND").map_or(0, |(.., after)| after.len())
}

/// True for a colour profile above the limit. A decoder unpacks it before it tells the size of the picture.
fn has_huge_profile(png: &[u8]) -> bool {
    chunks(png).filter(|(kind, ..)| kind == b"iCCP").any(|(_, data, _)| {
        let packed = data.iter().position(|byte| *byte == 0).and_then(|end| data.get(end + 2..));
        let mut profile = flate2::read::ZlibDecoder::new(packed.unwrap_or_default()).take(MAX_PROFILE + 1);
        std::io::copy(&mut profile, &mut std::io::sink()).is_ok_and(|size| size > MAX_PROFILE)
    })
}

/// Lists the chunks of a PNG: kind, data, and what follows.
fn chunks(png: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8], &[u8])> {
    let mut rest = png.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (head, after) = rest.split_first_chunk::<8>()?;
        let [a, b, c, d, kind @ ..] = *head;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
        let data = after.get(..length)?;
        // The checksum has four bytes.
        rest = after.get(length.checked_add(4)?..)?;
        Some((kind, data, rest))
    })
}

/// Reads a file of at most `most` bytes that lies inside one of `roots` after all links are followed.
pub fn read_inside(path: &Path, roots: &[PathBuf], most: usize) -> Result<Vec<u8>> {
    let refused = || {
        Error::denied(format!("`path`: `{}` is not a file inside files.allowed_roots", path.display())).hint(
            "the operator lists the folders that may be read in files.allowed_roots; or send image_data",
        )
    };
    if !path.is_absolute() {
        return Err(Error::invalid_input("`path` must be absolute").hint("give the full path of the file"));
    }
    let found = locate(path, roots).ok_or_else(refused)?;
    let folder =
        found.folders.iter().try_fold(Folder::open(&found.root).map_err(|_| refused())?, |at, name| {
            at.enter(name).map_err(|_| refused())
        })?;
    let file = folder.read(&found.name).map_err(|_| refused())?;
    let metadata = file.metadata().map_err(|_| refused())?;
    let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if size > most {
        return Err(too_large(size, most));
    }
    let mut bytes = Vec::with_capacity(size);
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(|_| refused())?;
    if bytes.len() > most { Err(too_large(bytes.len(), most)) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use comfywarden_error::Kind;

    fn png() -> Vec<u8> {
        let mut bytes = Vec::new();
        image::RgbImage::new(2, 3).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        bytes
    }

    fn name(text: &str) -> UploadName {
        UploadName::parse(text).unwrap()
    }

    #[test]
    fn base64_must_be_exact() {
        assert_eq!(decode("f", "aGk=", 10).unwrap(), b"hi");
        for bad in ["aGk", "aG k=", "aGk=\n", "aGl=", "data:image/png;base64,aGk=", "a-_="] {
            assert_eq!(decode("f", bad, 10).unwrap_err().kind(), Kind::InvalidInput, "{bad}");
        }
    }

    #[test]
    fn size_is_refused_before_decoding() {
        let error = decode("f", &"!".repeat(4000), 100).unwrap_err();
        assert!(error.message().contains("at most 100"), "{error}");
    }

    #[test]
    fn content_must_be_what_the_name_says() {
        assert_eq!(
            check(&name("a.PNG"), &png()).unwrap(),
            Picture { mime_type: "image/png", width: 2, height: 3 }
        );
        for (filename, bytes) in [("a.jpg", png()), ("a.png", b"<script>".to_vec()), ("a.png", Vec::new())] {
            assert_eq!(check(&name(filename), &bytes).unwrap_err().kind(), Kind::InvalidInput, "{filename}");
        }
    }

    #[test]
    fn nothing_hides_behind_the_end_of_a_png() {
        let mut bytes = png();
        bytes.extend(b"<?php evil() ?>");
        let error = check(&name("a.png"), &bytes).unwrap_err();
        assert!(error.message().contains("15 bytes behind the end"), "{error}");
    }

    #[test]
    fn a_colour_profile_that_is_a_bomb_is_refused_and_a_small_one_is_not() {
        let with_profile = |size: usize| {
            let mut chunk = b"iCCPp\0\0".to_vec();
            let mut packer = flate2::write::ZlibEncoder::new(&mut chunk, flate2::Compression::best());
            std::io::Write::write_all(&mut packer, &vec![b'Z'; size]).unwrap();
            packer.finish().unwrap();
            let mut crc = flate2::Crc::new();
            crc.update(&chunk);
            let mut bytes = png();
            let length = u32::try_from(chunk.len() - 4).unwrap().to_be_bytes();
            let added: Vec<u8> = length.into_iter().chain(chunk).chain(crc.sum().to_be_bytes()).collect();
            bytes.splice(33..33, added);
            check(&name("a.png"), &bytes)
        };
        assert!(with_profile(3_000).is_ok());
        assert!(with_profile(9 << 20).unwrap_err().message().contains("colour profile"));
    }

    #[test]
    fn a_header_that_claims_too_much_is_refused() {
        let mut bytes = png();
        bytes[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        assert!(check(&name("a.png"), &bytes).is_err());
    }

    #[test]
    fn local_files_are_read_only_inside_the_roots() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("in.png"), png()).unwrap();
        std::fs::write(outside.path().join("out.png"), png()).unwrap();
        let roots = [root.path().to_path_buf()];
        assert_eq!(read_inside(&root.path().join("in.png"), &roots, 1000).unwrap(), png());
        assert!(read_inside(&root.path().join("in.png"), &roots, 10).is_err());
        assert!(read_inside(&outside.path().join("out.png"), &roots, 1000).is_err());
        assert!(read_inside(root.path(), &roots, 1000).is_err());
        let sneaky = root.path().join("..").join(outside.path().file_name().unwrap()).join("out.png");
        assert!(read_inside(&sneaky, &roots, 1000).is_err());
        #[cfg(unix)]
        {
            let link = root.path().join("link.png");
            std::os::unix::fs::symlink(outside.path().join("out.png"), &link).unwrap();
            assert!(read_inside(&link, &roots, 1000).is_err());
        }
    }
}

//! Masks: the transparency of a copy of a picture that is already on the server.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use schemars::JsonSchema;
use serde::Deserialize;

use super::upload::{UploadedImage, input, largest};
use crate::{
    comfy::{FileType, OutputRef, UploadRequest},
    tools::{
        Call, Handled,
        media::{Pieces, measure},
        preview,
    },
};
use comfywarden_error::{Error, Kind, Result};
use comfywarden_policy::{
    path::{OutputName, Subfolder, UploadName},
    upload,
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadMask {
    /// Name for the masked copy, with .png or .webp
    filename: UploadName,
    /// The mask in base64: transparent, or white where opaque all over, is repainted
    mask_data: String,
    /// The picture below it, in the input folder
    original_image: OutputName,
    /// Below the destination
    #[serde(default)]
    subfolder: Subfolder,
    /// Folder of the original
    #[serde(default)]
    original_subfolder: Subfolder,
    /// ComfyUI root
    #[serde(default = "input")]
    destination: FileType,
    /// Replace a file of that name
    #[serde(default)]
    overwrite: bool,
}

pub(super) async fn upload_mask(call: Call, params: UploadMask) -> Handled<UploadedImage> {
    let bytes = upload::decode("mask_data", &params.mask_data, largest(&call))?;
    let format = carrier(&params.filename)?;
    let picture = upload::check(&params.filename, &bytes)?;
    let original = OutputRef {
        filename: params.original_image,
        subfolder: params.original_subfolder,
        kind: FileType::Input,
    };
    same_size(&call, &original, (picture.width, picture.height)).await?;
    let mask = tokio::task::spawn_blocking(move || prepare(bytes, format))
        .await
        .map_err(|e| Error::internal("the mask was not read").source(e))??;
    let request = UploadRequest {
        name: &params.filename,
        subfolder: &params.subfolder,
        destination: params.destination,
        overwrite: params.overwrite,
        bytes: mask.bytes.into(),
        mime: picture.mime_type,
    };
    let uploaded = call.backend().upload_mask(request, &original).await?;
    // ComfyUI says yes also when it wrote nothing.
    let written = OutputRef {
        filename: OutputName::parse(&uploaded.name)?,
        subfolder: Subfolder::parse(&uploaded.subfolder)?,
        kind: uploaded.file_type,
    };
    call.backend().view_part(&written, 0, 1).await.map_err(|error| {
        Error::new(Kind::Upstream, format!("ComfyUI took the mask and wrote no `{}`", uploaded.name))
            .hint("the original may have vanished meanwhile; upload it again, then the mask")
            .source(error)
    })?;
    let result = format!("uploaded as {}: {}", uploaded.name, mask.said);
    Ok(UploadedImage {
        result,
        name: uploaded.name,
        subfolder: uploaded.subfolder,
        r#type: uploaded.file_type,
    }
    .into())
}

/// The format of the masked copy: one that knows transparency.
fn carrier(name: &UploadName) -> Result<ImageFormat> {
    match name.as_str().rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).as_deref() {
        Some("png") => Ok(ImageFormat::Png),
        Some("webp") => Ok(ImageFormat::WebP),
        _ => Err(Error::invalid_input(format!("`filename`: `{}` cannot carry a mask", name.as_str()))
            .hint("a mask needs transparency: use .png or .webp")),
    }
}

/// ComfyUI fails without a reason when the two differ.
async fn same_size(call: &Call, original: &OutputRef, mask: (u32, u32)) -> Result<()> {
    let pieces = Pieces::read(call.backend(), original).await.map_err(|error| match error.kind() {
        Kind::NotFound => Error::not_found(format!("`original_image`: {}", error.message()))
            .hint("upload the original with comfyui_upload_image first, and give the name that it returned"),
        _ => error,
    })?;
    let found = measure(&pieces);
    let (Some(width), Some(height)) = (found.width, found.height) else {
        return Err(Error::invalid_input(format!(
            "`original_image`: `{}` is no picture that can be masked",
            original.filename.as_str()
        ))
        .hint("name a PNG, JPEG, WebP or GIF picture in the input folder"));
    };
    if (width, height) == mask {
        return Ok(());
    }
    Err(Error::invalid_input(format!(
        "`mask_data`: the mask is {}×{}, the original {width}×{height}",
        mask.0, mask.1
    ))
    .hint("make the mask exactly as large as the original"))
}

/// A mask whose transparency says what is repainted.
struct Prepared {
    bytes: Vec<u8>,
    said: String,
}

/// Takes the mask's own transparency; an opaque mask is read as black and white, white being repainted.
fn prepare(bytes: Vec<u8>, format: ImageFormat) -> Result<Prepared> {
    let mask = preview::decode(&bytes).map_err(|error| {
        Error::invalid_input("`mask_data`: the picture cannot be read")
            .hint("it may be damaged; save it again as PNG")
            .source(error)
    })?;
    let mask = mask.to_rgba8();
    if mask.pixels().any(|pixel| pixel.0[3] < 255) {
        let said = marked(&mask, "from the transparency of the mask");
        return Ok(Prepared { bytes, said });
    }
    let brightness = DynamicImage::ImageRgba8(mask).to_luma8();
    let mask = RgbaImage::from_fn(brightness.width(), brightness.height(), |x, y| {
        Rgba([0, 0, 0, 255 - brightness.get_pixel(x, y).0[0]])
    });
    let said = marked(&mask, "from the mask's brightness, since it has no transparency: white is repainted");
    let mut bytes = Cursor::new(Vec::new());
    mask.write_to(&mut bytes, format)
        .map_err(|error| Error::internal("the mask cannot be written").source(error))?;
    Ok(Prepared { bytes: bytes.into_inner(), said })
}

fn marked(mask: &RgbaImage, how: &str) -> String {
    let open = mask.pixels().filter(|pixel| pixel.0[3] < 128).count() as u64;
    let all = (u64::from(mask.width()) * u64::from(mask.height())).max(1);
    match (open, (open * 100 + all / 2) / all) {
        (0, _) => format!("nothing is marked for repainting, {how}"),
        (_, 0) => format!("less than 1 % is marked for repainting, {how}"),
        (_, percent) => format!("{percent} % is marked for repainting, {how}"),
    }
}

//! Files that go to the server and come back.

use bytes::Bytes;
use comfywarden::comfy::{Client, Error, FileType, OutputRef, UploadRequest};
use comfywarden_policy::path::{OutputName, Subfolder, UploadName};

use super::{check, view};
use crate::support::comfy::{TestResult, nonce, picture, submit, watch};

pub(super) async fn an_upload_keeps_its_name_and_can_be_read_back(client: &Client) -> TestResult {
    let submitted = submit(client, &picture(nonce())).await?;
    let (_, ending) = watch(client, &submitted.prompt_id).await?;
    let made = ending.outputs.first().ok_or("no output")?;
    let made = OutputRef {
        filename: OutputName::parse(&made.filename)?,
        subfolder: Subfolder::parse(&made.subfolder)?,
        kind: made.file_type,
    };
    let bytes: Bytes = client.view(&made, view(1 << 20)).await?.bytes;
    let (name, subfolder) =
        (UploadName::parse(&format!("größe 1 {}.png", nonce()))?, Subfolder::parse("contract")?);
    let upload = |bytes| UploadRequest {
        name: &name,
        subfolder: &subfolder,
        destination: FileType::Input,
        overwrite: true,
        bytes,
        mime: "image/png",
    };
    let uploaded = client.upload_image(upload(bytes.clone())).await?;
    check(uploaded.name == name.as_str() && uploaded.subfolder == "contract", &format!("{uploaded:?}"))?;
    let file = OutputRef { filename: OutputName::parse(&uploaded.name)?, subfolder, kind: FileType::Input };
    check(client.view(&file, view(1 << 20)).await?.bytes == bytes, "other bytes")?;
    let missing = OutputRef { filename: OutputName::parse("no such file.png")?, ..file };
    check(
        matches!(client.view(&missing, view(1 << 20)).await, Err(Error::NotFound { .. })),
        "found a missing file",
    )
}

fn png_of(width: u32, height: u32, alpha: u8) -> Result<Bytes, image::ImageError> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbaImage::from_pixel(width, height, image::Rgba([9, 99, 199, alpha]))
        .write_to(&mut bytes, image::ImageFormat::Png)?;
    Ok(bytes.into_inner().into())
}

pub(super) async fn a_mask_becomes_the_transparency_of_a_copy(client: &Client) -> TestResult {
    let subfolder = Subfolder::parse("contract")?;
    let (original, mask) = (UploadName::parse("below.png")?, UploadName::parse("masked.png")?);
    let request = |name, bytes| UploadRequest {
        name,
        subfolder: &subfolder,
        destination: FileType::Input,
        overwrite: true,
        bytes,
        mime: "image/png",
    };
    let named = |name: &str| -> TestResult<OutputRef> {
        Ok(OutputRef {
            filename: OutputName::parse(name)?,
            subfolder: subfolder.clone(),
            kind: FileType::Input,
        })
    };
    client.upload_image(request(&original, png_of(8, 6, 255)?)).await?;
    let uploaded = client.upload_mask(request(&mask, png_of(8, 6, 40)?), &named("below.png")?).await?;
    check(uploaded.name == "masked.png" && uploaded.subfolder == "contract", &format!("{uploaded:?}"))?;
    let merged = client.view(&named("masked.png")?, view(1 << 20)).await?.bytes;
    let merged = image::load_from_memory(&merged)?.to_rgba8();
    check(merged.get_pixel(3, 3).0 == [9, 99, 199, 40], "not the original with the mask's alpha")?;
    let other_size = client.upload_mask(request(&mask, png_of(4, 4, 40)?), &named("below.png")?).await;
    check(matches!(other_size, Err(Error::Status { status: 500, .. })), "a mask of another size was taken")?;
    let nothing = UploadName::parse(&format!("nothing {}.png", nonce()))?;
    client.upload_mask(request(&nothing, png_of(8, 6, 40)?), &named("no such.png")?).await?;
    let gone = client.view(&named(nothing.as_str())?, view(1 << 20)).await;
    check(matches!(gone, Err(Error::NotFound { .. })), "a mask without an original was written")
}

pub(super) async fn a_file_can_be_read_piece_by_piece(client: &Client) -> TestResult {
    let submitted = submit(client, &picture(nonce())).await?;
    let (_, ending) = watch(client, &submitted.prompt_id).await?;
    let made = ending.outputs.first().ok_or("no output")?;
    let file = OutputRef {
        filename: OutputName::parse(&made.filename)?,
        subfolder: Subfolder::parse(&made.subfolder)?,
        kind: made.file_type,
    };
    let whole = client.view(&file, view(1 << 20)).await?.bytes;
    let start = client.view_part(&file, 0, 8).await?;
    check(start.bytes == b"\x89PNG\r\n\x1a\n".as_slice() && start.modified.is_some(), "another start")?;
    check(start.total == whole.len() as u64, "another size")?;
    let end = client.view_part(&file, start.total - 4, 100).await?;
    check(whole.ends_with(&end.bytes) && end.bytes.len() == 4, "another end")?;
    check(client.view_part(&file, start.total + 9, 5).await?.bytes.is_empty(), "bytes past the end")?;
    let mut kept = Vec::new();
    let written = client.view_into(&file, &mut kept, 1 << 20).await?;
    check(kept == whole && written == start.total, "another file")?;
    let most = client.view_into(&file, &mut Vec::new(), 16).await;
    check(matches!(most, Err(Error::TooLarge { limit: 16, .. })), "the cap is not kept")?;
    let missing = OutputRef { filename: OutputName::parse("no such.png")?, ..file };
    check(matches!(client.view_part(&missing, 0, 1).await, Err(Error::NotFound { .. })), "found nothing")
}

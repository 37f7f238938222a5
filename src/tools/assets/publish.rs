//! An asset into a project folder of the user.

use chrono::{SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{
    AssetId, manifest,
    origin::from_history,
    place::{Draft, PublishTarget, trouble},
    render::{Format, Rendered, Wish, render},
};
use crate::{
    comfy::{OutputKind, ViewOptions, media_kind},
    tools::{
        Call, Handled, Stop,
        media::{Pieces, measure},
    },
};
use comfywarden_error::{Error, JsonObject, Kind, Result};
use comfywarden_workflow::settings;

/// The largest picture that is taken into memory to be converted, in bytes.
const MAX_PICTURE: usize = 64 * 1024 * 1024;
/// The largest file that is copied, in bytes. It goes from ComfyUI to disk.
const MAX_FILE: u64 = 4 * 1024 * 1024 * 1024;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishAsset {
    /// From comfyui_list_assets
    asset_id: AssetId,
    /// Inside files.publish_roots; default: the first
    #[serde(default)]
    #[schemars(length(max = 4096))]
    target: Option<String>,
    /// Default: by the target's extension
    #[serde(default)]
    format: Option<Format>,
    /// Pixels; wider ones are scaled down
    #[serde(default)]
    #[schemars(range(min = 1, max = 16384))]
    max_width: Option<u32>,
    /// JPEG quality is lowered to meet it
    #[serde(default)]
    #[schemars(range(min = 256, max = 1_073_741_824))]
    max_bytes: Option<u64>,
    /// JPEG only; others lossless
    #[serde(default)]
    #[schemars(range(min = 1, max = 95))]
    quality: Option<u8>,
    /// Replace a file, after asking
    #[serde(default)]
    overwrite: bool,
}

/// File that was written.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Published {
    path: String,
    bytes: u64,
    format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    /// Of a JPEG that was made anew
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<u8>,
    replaced: bool,
    sha256: String,
    manifest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

pub(super) async fn publish_asset(call: Call, params: PublishAsset) -> Handled<Published> {
    if !call.caller.is_local() {
        return Err(Error::denied("publishing is only for clients on this machine (stdio)")
            .hint("fetch the file through its link instead")
            .into());
    }
    let (place, wish) = plan(&call, &params)?;
    // Better to know now that the list cannot be kept than after the file is written.
    manifest::read(place.root())?;
    let taken = place.is_taken()?;
    if taken && !params.overwrite {
        return Err(trouble(&place.relative, std::io::ErrorKind::AlreadyExists.into()).into());
    }
    let asset = &params.asset_id;
    if taken {
        let question = format!("Replace {} with {}?", place.path().display(), asset.filename());
        let subject = format!("{}\n{asset}\n{wish:?}", place.path().display());
        call.confirm(&question, &subject)?;
    }
    let mut published = match wish {
        Some(wish) => picture(&call, asset, &place, wish, taken).await?,
        None => copy(&call, asset, &place, taken).await?,
    };
    let entry = entry(&call, asset, &published).await?;
    manifest::note(place.root(), &place.relative, entry)?;
    published.path = place.path().display().to_string();
    published.manifest = place.root().join(manifest::NAME).display().to_string();
    Ok(published.into())
}

/// Plans the target and, for a picture, the conversion; a file that is no picture is copied as it is.
fn plan(call: &Call, params: &PublishAsset) -> Result<(PublishTarget, Option<Wish>)> {
    let name = params.asset_id.filename().as_str();
    let (stem, own) = name.rsplit_once('.').unwrap_or((name, ""));
    let is_picture = media_kind(name) == OutputKind::Image;
    let default = match params.format {
        Some(format) if is_picture => format!("{stem}.{}", format.extension()),
        _ => name.to_owned(),
    };
    let place = PublishTarget::find(params.target.as_deref(), &default, &call.settings.files.publish_roots)?;
    let extension = place.extension().unwrap_or_default();
    if !is_picture {
        if params.format.is_some() || params.max_width.is_some() || params.quality.is_some() {
            return Err(Error::invalid_input(format!("`{name}` is no picture: it is copied as it is"))
                .hint("leave format, max_width and quality out"));
        }
        if !extension.eq_ignore_ascii_case(own) {
            return Err(Error::invalid_input(format!(
                "`target` must end in .{own}, since the file is copied as it is"
            )));
        }
        return Ok((place, None));
    }
    let of_name = Format::of_extension(extension);
    let format = match (params.format, of_name) {
        (Some(format), of_name) if of_name == Some(format) => format,
        (None, Some(format)) => format,
        // GIF and the formats that are not decoded here keep theirs.
        (None, None) if extension.eq_ignore_ascii_case(own) && params.max_width.is_none() => {
            return Ok((place, None));
        }
        (Some(format), _) => {
            return Err(Error::invalid_input(format!(
                "`target` ends in .{extension}, `format` wants .{}",
                format.extension()
            ))
            .hint("let both say the same, or leave one out"));
        }
        (None, None) => {
            return Err(Error::invalid_input(format!("`target`: no picture is written as .{extension}"))
                .hint("accepted: .png, .jpg, .jpeg, .webp"));
        }
    };
    if params.quality.is_some() && format != Format::Jpeg {
        return Err(Error::invalid_input(
            "`quality` is for JPEG: PNG and WebP are written without loss here",
        )
        .hint("use format jpeg, or a smaller max_width")
        .detail("field", "quality"));
    }
    let wish =
        Wish { format, max_width: params.max_width, max_bytes: params.max_bytes, quality: params.quality };
    Ok((place, Some(wish)))
}

async fn picture(
    call: &Call,
    asset: &AssetId,
    place: &PublishTarget,
    wish: Wish,
    replace: bool,
) -> Result<Published, Stop> {
    let options = ViewOptions { preview: None, max_bytes: MAX_PICTURE };
    let original = call.backend().view(&asset.file(), options).await?.bytes;
    let place = place.clone();
    let written = tokio::task::spawn_blocking(move || -> Result<Published> {
        let Rendered { bytes, width, height, quality } = render(original.to_vec(), wish)?;
        let mut draft = place.begin()?;
        draft.write(&bytes).map_err(|error| trouble(&place.relative, error))?;
        draft.finish(replace).map_err(|error| trouble(&place.relative, error))?;
        Ok(Published {
            path: String::new(),
            bytes: bytes.len() as u64,
            format: wish.format.extension().to_owned(),
            width: Some(width),
            height: Some(height),
            quality,
            replaced: replace,
            sha256: hex::encode(Sha256::digest(&bytes)),
            manifest: String::new(),
            note: (wish.format == Format::Webp).then_some(
                "WebP is written without loss here: format jpeg with `quality` makes smaller files",
            ),
        })
    });
    Ok(written.await.map_err(|error| Error::internal("the picture was not written").source(error))??)
}

/// Straight from ComfyUI to disk.
async fn copy(call: &Call, asset: &AssetId, place: &PublishTarget, replace: bool) -> Result<Published, Stop> {
    let file = asset.file();
    let pieces = Pieces::read(call.backend(), &file).await?;
    let draft = place.begin()?;
    let failed = |error| trouble(&place.relative, error);
    let mut to =
        Hashing { file: tokio::fs::File::from_std(draft.handle().map_err(failed)?), hash: Sha256::new() };
    let bytes = call.backend().view_into(&file, &mut to, MAX_FILE).await?;
    let sha256 = hex::encode(to.hash.finalize());
    finish(draft, place.clone(), replace).await?;
    let measures = measure(&pieces);
    Ok(Published {
        path: String::new(),
        bytes,
        format: place.extension().unwrap_or_default().to_ascii_lowercase(),
        width: measures.width,
        height: measures.height,
        quality: None,
        replaced: replace,
        sha256,
        manifest: String::new(),
        note: None,
    })
}

async fn finish(draft: Draft, place: PublishTarget, replace: bool) -> Result<()> {
    tokio::task::spawn_blocking(move || {
        draft.finish(replace).map_err(|error| trouble(&place.relative, error))
    })
    .await
    .map_err(|error| Error::internal("the file was not written").source(error))?
}

/// A file that is hashed while it is written.
struct Hashing {
    file: tokio::fs::File,
    hash: Sha256,
}

impl tokio::io::AsyncWrite for Hashing {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        let this = self.get_mut();
        let polled = std::pin::Pin::new(&mut this.file).poll_write(context, bytes);
        if let std::task::Poll::Ready(Ok(written)) = &polled {
            this.hash.update(bytes.get(..*written).unwrap_or_default());
        }
        polled
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.get_mut().file).poll_flush(context)
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.get_mut().file).poll_shutdown(context)
    }
}

/// Makes the manifest's entry: where the file came from, but not the words of its prompt.
async fn entry(call: &Call, asset: &AssetId, published: &Published) -> Result<JsonObject, Stop> {
    let found = match from_history(call, asset).await {
        Ok(found) => found,
        Err(Stop::Failed(error)) if error.kind() != Kind::Internal => None,
        Err(stop) => return Err(stop),
    };
    let value = |name: &str| {
        let workflow = &found.as_ref()?.workflow;
        settings::find_inputs(workflow, name).first()?.value(workflow).cloned()
    };
    let fields = [
        ("asset_id", Some(json!(asset.to_string()))),
        ("prompt_id", asset.prompt_id().map(|id| json!(id.as_str()))),
        ("source", Some(json!(asset.filename().as_str()))),
        ("bytes", Some(json!(published.bytes))),
        ("format", Some(json!(published.format))),
        ("width", published.width.map(|width| json!(width))),
        ("height", published.height.map(|height| json!(height))),
        ("sha256", Some(json!(published.sha256))),
        ("seed", value("seed")),
        ("model", value("model")),
        ("published", Some(json!(Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)))),
    ];
    Ok(fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect())
}

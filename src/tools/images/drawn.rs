//! The small picture of a file of any kind, or a plain word why there is none.

use crate::{
    comfy::{OutputRef, PreviewFormat, ViewOptions},
    tools::{
        Call, Stop,
        media::{self, Ffmpeg, MAX_KEPT, Measures, Pieces, TemporaryCopy, measure},
        preview::{self, Inline},
    },
};
use comfywarden_error::{Error, Kind, Result};

/// Name of a picture's preview.
pub(super) const PICTURE: &str = "picture";
/// The largest picture that is fetched to make a preview, in bytes.
const MAX_ORIGINAL: usize = 64 * 1024 * 1024;
/// The quality of drawn previews.
const QUALITY: u8 = 85;
/// Advice for a reader to whom nothing is shown.
const OPEN_IT: &str = "open the file through its link";

/// File that was found, with its preview.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    /// The size of the file, where it is known.
    pub(super) bytes: Option<u64>,
    pub(super) measures: Measures,
    /// Kind of the preview, and the preview.
    pub(super) preview: Option<(&'static str, Inline)>,
    /// Reason why there is no preview.
    pub(super) note: Option<String>,
}

/// A picture, smaller where it is large. ComfyUI re-encodes it first when that was `wanted`, or when only it can read
/// the format.
pub(super) async fn picture(
    call: &Call,
    file: &OutputRef,
    wanted: Option<PreviewFormat>,
    quality: u8,
) -> Result<Drawn, Stop> {
    let preview =
        wanted.or_else(|| (!readable(file.filename.as_str())).then_some(PreviewFormat::Webp(QUALITY)));
    let viewed = match call.backend().view(file, ViewOptions { preview, max_bytes: MAX_ORIGINAL }).await {
        Ok(viewed) => viewed,
        Err(crate::comfy::Error::TooLarge { limit, .. }) => {
            let note = format!("no preview: the picture has more than {limit} bytes; {OPEN_IT}");
            return Ok(Drawn { note: Some(note), ..Drawn::default() });
        }
        Err(error) => return Err(error.into()),
    };
    let bytes = preview.is_none().then_some(viewed.bytes.len() as u64);
    let small = inline(viewed.bytes.to_vec(), quality).await?;
    let measures = Measures { width: Some(small.original.0), height: Some(small.original.1), seconds: None };
    Ok(Drawn { bytes, measures, preview: Some((PICTURE, small)), note: None })
}

/// True for formats that we decode ourselves.
fn readable(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    matches!(extension.as_deref(), Some("png" | "apng" | "jpg" | "jpeg" | "webp" | "gif"))
}

async fn inline(bytes: Vec<u8>, quality: u8) -> Result<Inline> {
    tokio::task::spawn_blocking(move || preview::inline(&bytes, quality))
        .await
        .map_err(|error| Error::internal("the preview was not made").source(error))?
}

/// A film as a sheet of frames.
pub(super) async fn film(call: &Call, file: &OutputRef) -> Result<Drawn, Stop> {
    let (mut drawn, pieces) = look(call, file).await?;
    let Some(ffmpeg) = Ffmpeg::find(&call.settings.files) else {
        drawn.note = Some(without_ffmpeg("contact sheet"));
        return Ok(drawn);
    };
    let sheet = async {
        let format = known(&pieces, "film")?;
        let kept = fetch(call, file, &pieces).await?;
        let sheet = media::sheet(&ffmpeg, &kept, format, drawn.measures.seconds).await?;
        inline(sheet, QUALITY).await
    };
    match sheet.await {
        Ok(sheet) => drawn.preview = Some(("contact_sheet", sheet)),
        Err(error) => drawn.note = Some(said("contact sheet", &error)?),
    }
    Ok(drawn)
}

/// A sound as the line of its loudness. WAV is read here, everything else by ffmpeg.
pub(super) async fn sound(call: &Call, file: &OutputRef) -> Result<Drawn, Stop> {
    let (mut drawn, pieces) = look(call, file).await?;
    let ffmpeg = Ffmpeg::find(&call.settings.files);
    if ffmpeg.is_none() && !pieces.is_wav() {
        drawn.note = Some(without_ffmpeg("waveform"));
        return Ok(drawn);
    }
    let line = async {
        let format = known(&pieces, "sound")?;
        let kept = fetch(call, file, &pieces).await?;
        let line = match ffmpeg {
            Some(ffmpeg) if !pieces.is_wav() => media::decoded_waveform(&ffmpeg, &kept, format).await?,
            _ => tokio::task::spawn_blocking(move || media::wav_waveform(&kept))
                .await
                .map_err(|error| Error::internal("the waveform was not drawn").source(error))??,
        };
        inline(line, QUALITY).await
    };
    match line.await {
        Ok(line) => drawn.preview = Some(("waveform", line)),
        Err(error) => drawn.note = Some(said("waveform", &error)?),
    }
    Ok(drawn)
}

/// A file of which no picture is made.
pub(super) async fn nothing(call: &Call, file: &OutputRef) -> Result<Drawn, Stop> {
    let (drawn, _) = look(call, file).await?;
    let note = format!("no preview: pictures, films and sounds are shown, other files are not; {OPEN_IT}");
    Ok(Drawn { note: Some(note), measures: Measures::default(), ..drawn })
}

async fn look(call: &Call, file: &OutputRef) -> Result<(Drawn, Pieces), Stop> {
    let pieces = Pieces::read(call.backend(), file).await?;
    let drawn = Drawn { bytes: Some(pieces.total), measures: measure(&pieces), ..Drawn::default() };
    Ok((drawn, pieces))
}

fn known(pieces: &Pieces, what: &str) -> Result<&'static str> {
    pieces
        .demuxer()
        .ok_or_else(|| Error::new(Kind::Upstream, format!("the content is no {what} of a known kind")))
}

async fn fetch(call: &Call, file: &OutputRef, pieces: &Pieces) -> Result<TemporaryCopy> {
    if pieces.total > MAX_KEPT {
        let message = format!("the file has {} bytes; at most {MAX_KEPT} are fetched for it", pieces.total);
        return Err(Error::new(Kind::Upstream, message));
    }
    TemporaryCopy::fetch(call.backend(), file).await
}

fn without_ffmpeg(what: &str) -> String {
    format!(
        "no {what}: ffmpeg is not installed beside comfywarden, or files.ffmpeg names another program; {OPEN_IT}"
    )
}

/// A file that cannot be drawn is still a file; faults of our own and of the way there stay errors.
fn said(what: &str, error: &Error) -> Result<String, Stop> {
    match error.kind() {
        Kind::Upstream | Kind::InvalidInput | Kind::Denied => {
            tracing::debug!(%error, "a file could not be drawn");
            Ok(format!("no {what}: {}; {OPEN_IT}", error.message()))
        }
        kind => Err(Error::new(kind, error.message()).hint(error.hint_text().unwrap_or(OPEN_IT)).into()),
    }
}

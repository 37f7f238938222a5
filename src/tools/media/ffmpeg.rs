//! ffmpeg as a child process: a cleared environment, known files only, bounded time, bytes and number.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
    sync::Semaphore,
};

use crate::config::Files;
use comfywarden_error::{Error, Kind, Result};

/// Time limit for one run.
const MAX_RUN: Duration = Duration::from_secs(30);
/// Limits the runs at once.
static AT_ONCE: Semaphore = Semaphore::const_new(2);
/// Maximum size of one block of memory in ffmpeg, in bytes.
const MAX_BLOCK: &str = "268435456";
/// Maximum number of pixels of one frame.
const MAX_PIXELS: &str = "100000000";
/// Maximum length of its complaints, in bytes.
const MAX_WORDS: usize = 400;

/// The program, where there is one.
#[derive(Debug)]
pub(crate) struct Ffmpeg {
    program: std::path::PathBuf,
}

impl Ffmpeg {
    /// The operator's ffmpeg. `None` when there is none.
    pub(crate) fn find(files: &Files) -> Option<Self> {
        files.find_ffmpeg().map(|program| Self { program })
    }

    /// Runs it on a local file and hands its output to `take`, piece by piece.
    ///
    /// `format` names the only demuxer that may read the file: what ffmpeg would make of unknown content by itself may
    /// name other files and addresses.
    pub(crate) async fn run(
        &self,
        format: &str,
        before: &[&str],
        input: &Path,
        after: &[&str],
        mut take: impl FnMut(&[u8]) -> Result<()> + Send,
    ) -> Result<()> {
        let failed = |why: &str| {
            Error::new(Kind::Upstream, format!("ffmpeg cannot show the file: {why}"))
                .hint("open the file itself through its link")
        };
        let _turn =
            AT_ONCE.acquire().await.map_err(|error| Error::internal("no turn for ffmpeg").source(error))?;
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .args([
                "-hide_banner",
                "-loglevel",
                "error",
                "-nostdin",
                "-threads",
                "2",
                "-max_alloc",
                MAX_BLOCK,
            ])
            .args(["-protocol_whitelist", "file", "-max_pixels", MAX_PIXELS])
            .args(before)
            .args(["-f", format, "-i"])
            .arg(input)
            .args(after)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| failed("it does not start").source(error))?;
        let ended = tokio::time::timeout(MAX_RUN, follow(&mut child, &mut take)).await;
        let Ok(ended) = ended else {
            child.kill().await.ok();
            return Err(failed(&format!("it took longer than {} s", MAX_RUN.as_secs())));
        };
        let (success, words) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                child.kill().await.ok();
                return Err(error);
            }
        };
        if success {
            return Ok(());
        }
        tracing::debug!(%words, "ffmpeg failed");
        Err(failed("it may be damaged, or of a kind that this ffmpeg does not know"))
    }
}

/// Reads both outputs to their ends. True when the program was content, and what it said.
async fn follow(
    child: &mut Child,
    take: &mut (impl FnMut(&[u8]) -> Result<()> + Send),
) -> Result<(bool, String)> {
    let (Some(mut out), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(Error::internal("ffmpeg has no outputs"));
    };
    let reading = async {
        let mut piece = vec![0; 64 * 1024];
        loop {
            let read =
                out.read(&mut piece).await.map_err(|e| Error::internal("ffmpeg was not heard").source(e))?;
            match piece.get(..read) {
                Some([]) | None => return Ok::<(), Error>(()),
                Some(bytes) => take(bytes)?,
            }
        }
    };
    // The first failure ends both: a program that says too much would never come to an end by itself.
    let ((), words) = tokio::try_join!(reading, async { Ok(first_words(errors).await) })?;
    let status = child.wait().await.map_err(|e| Error::internal("ffmpeg did not end").source(e))?;
    Ok((status.success(), words))
}

/// The start of what is said; the rest is read and dropped, so that nobody waits for it to be heard.
async fn first_words(mut errors: impl AsyncRead + Unpin) -> String {
    let mut words = Vec::new();
    let mut piece = [0; 1024];
    while let Ok(read) = errors.read(&mut piece).await {
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        let room = MAX_WORDS.saturating_sub(words.len());
        words.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
    }
    String::from_utf8_lossy(&words).into_owned()
}

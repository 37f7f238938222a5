//! The texts of a container, and the limits on them.

use std::borrow::Cow;

use crate::{Error, Result};

/// The most text entries of one file.
pub(super) const MAX_ENTRIES: usize = 64;
/// The most bytes of one text, inflated.
pub(super) const MAX_TEXT: usize = 4 * 1024 * 1024;
/// The most bytes of all texts, inflated.
pub(super) const MAX_TOTAL: usize = 16 * 1024 * 1024;

/// The `prompt` and `workflow` texts of a file.
#[derive(Debug, Default)]
pub(super) struct Texts<'b> {
    /// The API format, as text.
    pub(super) prompt: Option<Cow<'b, [u8]>>,
    /// The editor's format, as text.
    pub(super) workflow: Option<Cow<'b, [u8]>>,
    /// Faults of the container that did not keep the texts from being read.
    pub(super) faults: Vec<String>,
    entries: usize,
    total: usize,
}

impl<'b> Texts<'b> {
    /// Counts an entry before its text is looked at.
    pub(super) fn count(&mut self) -> Result<()> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(too_much(&format!("more than {MAX_ENTRIES} text entries")));
        }
        Ok(())
    }

    /// Returns the most bytes that one more text may have.
    pub(super) fn room(&self) -> usize {
        MAX_TEXT.min(MAX_TOTAL - self.total.min(MAX_TOTAL))
    }

    /// Notes a fault of the container; the first few are kept.
    pub(super) fn fault(&mut self, fault: &str) {
        if self.faults.len() < 4 && !self.faults.iter().any(|known| known == fault) {
            self.faults.push(fault.to_owned());
        }
    }

    /// Ends the reading of a damaged file: with the texts that were found before, or with an error.
    pub(super) fn cut_off(mut self, what: &str) -> Result<Self> {
        if self.is_empty() {
            return Err(damaged(what));
        }
        self.fault(&format!("the {what}"));
        Ok(self)
    }

    /// Adds a text of any key; only `prompt` and `workflow` are kept.
    pub(super) fn add(&mut self, key: &str, text: Cow<'b, [u8]>) -> Result<()> {
        if text.len() > self.room() {
            return Err(too_much(&format!(
                "text of {} bytes; at most {MAX_TEXT} each and {MAX_TOTAL} together are read",
                text.len()
            )));
        }
        self.total += text.len();
        let place = match key.to_ascii_lowercase().as_str() {
            "prompt" => &mut self.prompt,
            "workflow" => &mut self.workflow,
            _ => return Ok(()),
        };
        if place.is_some() {
            return Err(Error::new(format!("the file has two `{key}` entries; which one counts is open"))
                .hint("save the file again without the second entry"));
        }
        *place = Some(text);
        Ok(())
    }

    /// Adds `key:json` or `key=json`, as EXIF tags and comments hold it.
    pub(super) fn add_pair(&mut self, pair: &'b [u8], separator: u8) -> Result<()> {
        let Some(at) = pair.iter().take(64).position(|byte| *byte == separator) else { return Ok(()) };
        let (key, text) = pair.split_at(at);
        match (std::str::from_utf8(key), text.get(1..)) {
            (Ok(key), Some(text)) => self.add(key.trim(), Cow::Borrowed(text)),
            _ => Ok(()),
        }
    }

    /// Copies the texts, so that they no longer borrow the file.
    pub(super) fn into_owned(self) -> Texts<'static> {
        let owned = |text: Option<Cow<'_, [u8]>>| text.map(|text| Cow::Owned(text.into_owned()));
        Texts {
            prompt: owned(self.prompt),
            workflow: owned(self.workflow),
            faults: self.faults,
            entries: self.entries,
            total: self.total,
        }
    }

    /// True when neither is there.
    pub(super) fn is_empty(&self) -> bool {
        self.prompt.is_none() && self.workflow.is_none()
    }
}

/// The error for a file over a limit.
pub(super) fn too_much(what: &str) -> Error {
    Error::new(format!("the file has {what}")).hint("export the workflow as JSON instead")
}

/// The error for a file that is cut off or damaged.
pub(super) fn damaged(what: &str) -> Error {
    Error::new(format!("the {what}")).hint("the file is damaged or cut off; use the original file")
}

//! The state of ComfyUI-Model-Manager's downloads.

use std::collections::BTreeMap;

use comfywarden_error::JsonObject;

/// The downloads, newest last.
#[derive(Debug, Default)]
pub(super) struct Downloads {
    pub(super) tasks: Vec<JsonObject>,
    pub(super) forms: Vec<BTreeMap<String, String>>,
}

impl Downloads {
    /// The forms that began a download, as they came.
    pub(super) fn forms(&self) -> Vec<BTreeMap<String, String>> {
        self.forms.clone()
    }
}

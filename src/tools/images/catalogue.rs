//! The tools of this domain.

use super::{mask, show, upload};
use crate::{
    gate::Class,
    tools::{Hints, Tool},
};

const SEND: Hints = Hints { read_only: false, destructive: false, idempotent: false, open_world: true };

pub(in crate::tools) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_get_image",
            Class::File,
            "Look at a picture",
            "Shows a picture, a film's frames or a sound's waveform inline, at most 512 pixels, and a link to \
             the full file. Pass on filename, subfolder and type as given.",
            show::get_image,
        )
        .hints(Hints { read_only: true, destructive: false, idempotent: true, open_world: true })
        .always_load(),
        Tool::new(
            "comfyui_upload_image",
            Class::File,
            "Upload a picture",
            "Puts a picture into ComfyUI's input folder and returns the name to use in LoadImage.",
            upload::upload_image,
        )
        .hints(SEND),
        Tool::new(
            "comfyui_upload_mask",
            Class::File,
            "Upload a mask",
            "Puts a masked copy of a picture into the input folder, for inpainting. The original must be \
             there and have the mask's size.",
            mask::upload_mask,
        )
        .hints(SEND),
    ]
}

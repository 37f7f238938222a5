//! The tools of this domain.

use super::{embedded, list, metadata, publish, regenerate};
use crate::{
    gate::Class,
    tools::{Hints, Tool},
};

const LOOK: Hints = Hints { read_only: true, destructive: false, idempotent: true, open_world: true };

pub(in crate::tools) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_list_outputs",
            Class::File,
            "Outputs",
            "Lists what the newest 200 jobs made: pictures, video, audio, 3D, text, previews. For lasting ids \
             use comfyui_list_assets.",
            list::list_outputs,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_list_assets",
            Class::File,
            "Assets",
            "Lists the files that jobs made, newest first, with asset_ids that last. Filters by kind or job.",
            list::list_assets,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_get_asset_metadata",
            Class::File,
            "Asset metadata",
            "Tells how an asset was made: size, duration, seed, model, LoRAs, prompts, times.",
            metadata::get_asset_metadata,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_regenerate",
            Class::Generation,
            "Make it again",
            "Runs the workflow of an asset again with changed values such as seed, prompt or steps.",
            regenerate::regenerate,
        )
        .hints(Hints { read_only: false, destructive: false, idempotent: false, open_world: true }),
        Tool::new(
            "comfyui_publish_asset",
            Class::File,
            "Publish an asset",
            "Writes an asset into a project folder, converted and shrunk if wanted, and notes it in the \
             manifest. Asks before it replaces a file.",
            publish::publish_asset,
        )
        .hints(Hints { read_only: false, destructive: true, idempotent: false, open_world: true }),
        Tool::new(
            "comfyui_get_workflow_from_image",
            Class::File,
            "Workflow of a file",
            "Reads the workflow that ComfyUI wrote into a picture, video or sound, for the workflow tools.",
            embedded::get_workflow,
        )
        .hints(LOOK),
    ]
}

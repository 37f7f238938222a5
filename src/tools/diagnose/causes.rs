//! Well-known exceptions: what lies behind them, and what to do about it.

use crate::comfy::NodeFailure;

/// Usual cause of an exception.
#[derive(Debug)]
pub(super) struct Cause {
    /// Words of the exception's type or message, in lower case; one is enough.
    signs: &'static [&'static str],
    /// Meaning, as the rest of a sentence after “node 3 (X) failed: ”.
    pub(super) meaning: &'static str,
    pub(super) steps: &'static [&'static str],
}

/// The first that fits counts, so the special ones come first.
const CAUSES: &[Cause] = &[
    Cause {
        signs: &["clip input is invalid: none"],
        meaning: "the model file has no text encoder in it",
        steps: &[
            "use a full checkpoint, or load the text encoder separately (CLIPLoader, DualCLIPLoader)",
            "build the graph anew: comfyui_create_workflow chooses the loaders that fit the model",
        ],
    },
    Cause {
        signs: &["vae is invalid: none", "vae input is invalid"],
        meaning: "the model file has no VAE in it",
        steps: &["load one with VAELoader, or give a VAE file with the `vae` parameter"],
    },
    Cause {
        signs: &[
            "mat1 and mat2 shapes cannot be multiplied",
            "size of tensor a",
            "expected input to have",
            "sizes of tensors must match",
        ],
        meaning: "parts of different model families meet: the shapes do not fit",
        steps: &[
            "use text encoder, VAE, LoRA, ControlNet and IP-Adapter of the same family as the model \
             (comfyui_get_model_presets names the family)",
            "make width and height multiples of 64",
            "leave LoRAs and ControlNets out once, to find the one that does not fit",
        ],
    },
    Cause {
        signs: &["overflow when unpacking long long", "seed must be between"],
        meaning: "the seed is too large for this sampler, which counts on from it",
        steps: &[
            "run it again with a smaller seed: one below 9007199254740992 suits every sampler and client",
        ],
    },
    Cause {
        signs: &[
            "headertoolarge",
            "invalidheader",
            "incomplete metadata",
            "metadataincompletebuffer",
            "pytorchstreamreader failed",
            "unexpected eof",
            "file is truncated",
        ],
        meaning: "a model file is damaged, most often a download that did not come to its end",
        steps: &[
            "compare its size with the source: comfyui_list_models_detailed, comfyui_search_models",
            "fetch it again: comfyui_download_model",
        ],
    },
    Cause {
        signs: &[
            "error(s) in loading state_dict",
            "could not detect model type",
            "unsupported model",
            "is not a valid checkpoint",
        ],
        meaning: "the model file is not what this loader takes",
        steps: &[
            "check the kind of the file: comfyui_get_model_metadata",
            "load a bare diffusion model with UNETLoader from diffusion_models, a full checkpoint with CheckpointLoaderSimple",
            "update ComfyUI: a newer family may need a newer version",
        ],
    },
    Cause {
        signs: &["weights_only", "unpicklingerror", "weights only load failed"],
        meaning: "ComfyUI refuses to unpickle the file, for good reason: a pickle can run code",
        steps: &["use the .safetensors version of the model"],
    },
    Cause {
        signs: &["unidentifiedimageerror", "cannot identify image file", "image file is truncated"],
        meaning: "the input file is no picture that can be read",
        steps: &["upload it again as PNG, JPEG or WebP: comfyui_upload_image"],
    },
    Cause {
        signs: &["filenotfounderror", "no such file or directory", "invalid image file"],
        meaning: "a file that the node needs is gone",
        steps: &[
            "upload the input again (comfyui_upload_image), or pick a model that is there (comfyui_list_models)",
        ],
    },
    Cause {
        signs: &["no space left on device", "disk quota exceeded"],
        meaning: "the disk of the ComfyUI machine is full",
        steps: &["free space in ComfyUI's output, temp and models folders, then run it again"],
    },
    Cause {
        signs: &["permissionerror", "permission denied", "read-only file system"],
        meaning: "ComfyUI may not read or write a file there",
        steps: &["correct the rights of ComfyUI's folders on its machine, or use another subfolder"],
    },
    Cause {
        signs: &["modulenotfounderror", "no module named", "importerror", "dll load failed"],
        meaning: "a Python package that the node needs is not installed",
        steps: &["reinstall the node pack, which installs its packages: comfyui_install_custom_node"],
    },
    Cause {
        signs: &["expected all tensors to be on the same device"],
        meaning: "parts of the run are on different devices, which is a fault of a node",
        steps: &[
            "update the node pack and ComfyUI",
            "start ComfyUI without --lowvram and --cpu-vae once, to see whether it makes a difference",
        ],
    },
    Cause {
        signs: &["cuda error", "device-side assert", "cudnn", "cublas", "hip error", "illegal memory access"],
        meaning: "the graphics driver gave up; ComfyUI often stays broken until it is restarted",
        steps: &[
            "restart ComfyUI, then run it again",
            "if it comes back: update the driver and PyTorch, and lower clocks or size",
        ],
    },
    Cause {
        signs: &[
            "not implemented for 'half'",
            "not implemented for 'float8",
            "unsupported dtype",
            "got unsupported scalartype",
            "fp8",
        ],
        meaning: "the device cannot compute in the precision of this model",
        steps: &["use the fp16 or bf16 version of the model, or weight_dtype `default` in UNETLoader"],
    },
    Cause {
        signs: &[
            "connectionerror",
            "timed out",
            "max retries exceeded",
            "temporary failure in name resolution",
            "huggingface_hub",
        ],
        meaning: "the node wanted something from the Internet and did not get it",
        steps: &["give the ComfyUI machine a network, or put the file where the node looks for it"],
    },
    Cause {
        signs: &["unauthorized", "invalid api key", "payment required", "insufficient credits"],
        meaning: "a paid service refused the call",
        steps: &["sign in to ComfyUI's account and look at its credits, or use a node that computes here"],
    },
    Cause {
        signs: &["nan", "produced nans"],
        meaning: "the calculation ran into numbers that are none",
        steps: &[
            "lower cfg and LoRA strengths",
            "use a VAE of full precision: start ComfyUI with --fp32-vae, or pick another VAE file",
        ],
    },
    Cause {
        signs: &[
            "unexpected keyword argument",
            "missing 1 required positional argument",
            "takes no arguments",
            "has no attribute",
        ],
        meaning: "node and ComfyUI are of versions that do not fit, or an input is empty",
        steps: &[
            "update the node pack and ComfyUI: comfyui_update_custom_node",
            "check that every input of the node is connected: comfyui_validate_workflow",
        ],
    },
];

/// Finds the usual cause of this exception.
pub(super) fn of(failure: &NodeFailure) -> Option<&'static Cause> {
    let text = format!("{}: {}", failure.exception_type, failure.message).to_lowercase();
    let is_there = |sign: &&str| text.match_indices(*sign).any(|(at, sign)| stands_alone(&text, at, sign));
    CAUSES.iter().find(|cause| cause.signs.iter().any(is_there))
}

/// True when `sign` stands alone where it must: `nan` is not in `finance`.
fn stands_alone(text: &str, at: usize, sign: &str) -> bool {
    let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let before = text.get(..at).and_then(|text| text.chars().next_back());
    let after = text.get(at + sign.len()..).and_then(|text| text.chars().next());
    sign.len() > 4 || !(letter(before) || letter(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(exception_type: &str, message: &str) -> Option<&'static str> {
        let failure = NodeFailure {
            exception_type: exception_type.to_owned(),
            message: message.to_owned(),
            ..NodeFailure::default()
        };
        of(&failure).map(|cause| cause.meaning)
    }

    #[test]
    fn well_known_exceptions_are_recognised() {
        for (exception_type, message, word) in [
            ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (77x2048 and 768x320)", "families"),
            (
                "RuntimeError",
                "ERROR: clip input is invalid: None\n\nIf the clip is from a checkpoint…",
                "text encoder",
            ),
            (
                "safetensors_rust.SafetensorError",
                "Error while deserializing header: HeaderTooLarge",
                "damaged",
            ),
            ("PIL.UnidentifiedImageError", "cannot identify image file '…/x.png'", "no picture"),
            ("ModuleNotFoundError", "No module named 'insightface'", "Python package"),
            ("OSError", "[Errno 28] No space left on device", "full"),
            ("RuntimeError", "CUDA error: device-side assert triggered", "driver"),
            ("ValueError", "output is NaN", "numbers that are none"),
            ("RuntimeError", "Overflow when unpacking long long", "seed"),
        ] {
            assert!(meaning(exception_type, message).is_some_and(|text| text.contains(word)), "{message}");
        }
    }

    #[test]
    fn other_exceptions_are_left_to_speak_for_themselves() {
        assert_eq!(meaning("ValueError", "boom 7"), None);
        assert_eq!(meaning("ValueError", "no banana in finance"), None);
    }
}

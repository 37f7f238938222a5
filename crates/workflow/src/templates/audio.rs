//! Templates that make sound.

use serde_json::json;

use super::catalogue::Template;
use super::graph::{Graph, Output};
use super::parameter::{self, Hint, Kind, Parameter};
use super::txt2img::encode;
use super::values::Values;
use crate::families::Family;

pub(super) fn templates() -> Vec<Template> {
    vec![
        Template::new(
            "ace_step_song",
            "Song with ACE-Step",
            "Makes a song from style tags and lyrics; saves an MP3.",
            song_parameters(),
            song,
        ),
        Template::new(
            "stable_audio",
            "Sound with Stable Audio",
            "Makes music or a sound effect of up to 47 seconds from a text; saves an MP3.",
            sound_parameters(),
            sound,
        ),
    ]
}

fn seconds(default: f64, max: f64) -> Parameter {
    Parameter::new("seconds", Kind::Number { min: 1.0, max }, default, "length in seconds")
}

fn song_parameters() -> Vec<Parameter> {
    [
        vec![
            Parameter::new("prompt", Kind::Text, "pop, female voice, piano, upbeat, 110 BPM", "style tags"),
            Parameter::new("lyrics", Kind::Text, "[instrumental]", "lyrics with [verse] and [chorus] marks"),
            Parameter::new(
                "lyrics_strength",
                Kind::Number { min: 0.0, max: 10.0 },
                0.99,
                "how strictly the lyrics are sung",
            ),
            seconds(120.0, 1000.0),
        ],
        parameter::sampling(50, 5.0, "euler", "simple", 1.0),
        vec![parameter::file(
            "model",
            "checkpoints",
            "ace_step_v1_3.5b.safetensors",
            Hint::Family(&[Family::AceStep]),
            "ACE-Step checkpoint",
        )],
    ]
    .concat()
}

fn song(values: &Values, graph: &mut Graph) {
    let checkpoint = graph.add("CheckpointLoaderSimple", json!({ "ckpt_name": values.text("model") }));
    let model = graph.add("ModelSamplingSD3", json!({ "model": checkpoint.out(0), "shift": 5.0 })).out(0);
    let positive = graph.add(
        "TextEncodeAceStepAudio",
        json!({
            "clip": checkpoint.out(1), "tags": values.text("prompt"), "lyrics": values.text("lyrics"),
            "lyrics_strength": values.number("lyrics_strength"),
        }),
    );
    let negative = graph.add("ConditioningZeroOut", json!({ "conditioning": positive.out(0) })).out(0);
    let length = json!({ "seconds": values.number("seconds"), "batch_size": 1 });
    let latent = graph.add("EmptyAceStepLatentAudio", length).out(0);
    let sampled = sample(values, graph, [model, positive.out(0), negative, latent]);
    save(graph, sampled, checkpoint.out(2), "comfyui-mcp-song");
}

fn sound_parameters() -> Vec<Parameter> {
    [
        vec![
            Parameter::new(
                "prompt",
                Kind::Text,
                "warm lo-fi hip hop, electric piano, 85 BPM",
                "what to hear",
            ),
            Parameter::new("negative_prompt", Kind::Text, "low quality", "what to avoid"),
            seconds(47.6, 47.6),
        ],
        parameter::sampling(50, 5.0, "dpmpp_3m_sde_gpu", "exponential", 1.0),
        vec![
            parameter::file(
                "model",
                "checkpoints",
                "stable-audio-open-1.0.safetensors",
                Hint::Family(&[Family::StableAudio]),
                "Stable Audio checkpoint",
            ),
            parameter::file(
                "text_encoder",
                "text_encoders",
                "t5-base.safetensors",
                Hint::Words((&["t5base"], &["umt5"], "")),
                "text encoder file",
            ),
        ],
    ]
    .concat()
}

fn sound(values: &Values, graph: &mut Graph) {
    let checkpoint = graph.add("CheckpointLoaderSimple", json!({ "ckpt_name": values.text("model") }));
    let clip = json!({ "clip_name": values.text("text_encoder"), "type": "stable_audio" });
    let clip = graph.add("CLIPLoader", clip).out(0);
    let positive = encode(graph, "Positive prompt", clip, values.text("prompt"));
    let negative = encode(graph, "Negative prompt", clip, values.text("negative_prompt"));
    let timed = graph.add(
        "ConditioningStableAudio",
        json!({
            "positive": positive, "negative": negative, "seconds_start": 0.0,
            "seconds_total": values.number("seconds"),
        }),
    );
    let length = json!({ "seconds": values.number("seconds"), "batch_size": 1 });
    let latent = graph.add("EmptyLatentAudio", length).out(0);
    let sampled = sample(values, graph, [checkpoint.out(0), timed.out(0), timed.out(1), latent]);
    save(graph, sampled, checkpoint.out(2), "comfyui-mcp-audio");
}

fn sample(values: &Values, graph: &mut Graph, [model, positive, negative, latent]: [Output; 4]) -> Output {
    let sampler = graph.add(
        "KSampler",
        json!({
            "model": model, "positive": positive, "negative": negative, "latent_image": latent,
            "seed": values.seed(), "steps": values.integer("steps"), "cfg": values.number("cfg"),
            "sampler_name": values.text("sampler_name"), "scheduler": values.text("scheduler"),
            "denoise": values.number("denoise"),
        }),
    );
    sampler.out(0)
}

fn save(graph: &mut Graph, samples: Output, vae: Output, prefix: &str) {
    let audio = graph.add("VAEDecodeAudio", json!({ "samples": samples, "vae": vae })).out(0);
    graph.add("SaveAudioMP3", json!({ "audio": audio, "filename_prefix": prefix, "quality": "V0" }));
}

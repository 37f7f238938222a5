use super::*;

const NAMES: &[(&str, Option<Family>)] = &[
    ("sd_xl_base_1.0.safetensors", Some(Family::Sdxl)),
    ("SDXL/juggernautXL_v9Rundiffusion.safetensors", Some(Family::Sdxl)),
    ("SDXL\\custom_mix.safetensors", Some(Family::Sdxl)),
    ("juggernautxl.safetensors", Some(Family::Sdxl)),
    ("sd_xl_turbo_1.0_fp16.safetensors", Some(Family::SdxlTurbo)),
    ("dreamshaperXL_v21TurboDPMSDE.safetensors", Some(Family::SdxlTurbo)),
    ("RealVisXL_V5.0_Lightning_fp16.safetensors", Some(Family::SdxlLightning)),
    ("sdxl_lightning_4step.safetensors", Some(Family::SdxlLightning)),
    ("ponyDiffusionV6XL_v6StartWithThisOne.safetensors", Some(Family::Pony)),
    ("illustriousXL_v01.safetensors", Some(Family::Illustrious)),
    ("waiNSFWIllustrious_v150.safetensors", Some(Family::Illustrious)),
    ("noobaiXLNAIXL_vPred10Version.safetensors", Some(Family::Illustrious)),
    ("flux1-dev-fp8.safetensors", Some(Family::Flux)),
    ("FLUX1/flux1-schnell.safetensors", Some(Family::Flux)),
    ("flux_dev.safetensors", Some(Family::Flux)),
    ("flux1-dev-kontext_fp8_scaled.safetensors", Some(Family::FluxKontext)),
    ("flux2-dev.safetensors", Some(Family::Flux2)),
    ("flux.2-klein-4b.safetensors", Some(Family::Flux2)),
    ("v1-5-pruned-emaonly.safetensors", Some(Family::Sd15)),
    ("v1-5-pruned-emaonly-fp16.ckpt", Some(Family::Sd15)),
    ("dreamshaper_8.safetensors", Some(Family::Sd15)),
    ("anything-v5.safetensors", Some(Family::Sd15)),
    ("sd15_tiny_random.safetensors", Some(Family::Sd15)),
    ("sd-v1-4.ckpt", Some(Family::Sd15)),
    ("sd3.5_large_fp8_scaled.safetensors", Some(Family::Sd3)),
    ("sd3_medium_incl_clips.safetensors", Some(Family::Sd3)),
    ("stable_cascade_stage_c.safetensors", Some(Family::Cascade)),
    ("z_image_turbo_bf16.safetensors", Some(Family::ZImage)),
    ("qwen_image_fp8_e4m3fn.safetensors", Some(Family::QwenImage)),
    ("qwen_image_edit_2509_fp8.safetensors", Some(Family::QwenImage)),
    ("hidream_i1_full_fp8.safetensors", Some(Family::HiDream)),
    ("wan2.1_t2v_1.3B_fp16.safetensors", Some(Family::Wan)),
    ("wan2.2_ti2v_5B_fp16.safetensors", Some(Family::Wan)),
    ("Wan2_1-I2V-14B.safetensors", Some(Family::Wan)),
    ("ltx-video-2b-v0.9.5.safetensors", Some(Family::Ltxv)),
    ("ltxv-13b-0.9.7-dev.safetensors", Some(Family::Ltxv)),
    ("hunyuan_video_t2v_720p_bf16.safetensors", Some(Family::HunyuanVideo)),
    ("ace_step_v1_3.5b.safetensors", Some(Family::AceStep)),
    ("stable-audio-open-1.0.safetensors", Some(Family::StableAudio)),
    ("my_model.safetensors", None),
    ("swan_lake.safetensors", None),
    ("t5xxl_fp16.safetensors", None),
    ("", None),
];

#[test]
fn knows_the_family_of_real_file_names() {
    let wrong: Vec<_> = NAMES
        .iter()
        .filter(|(name, family)| Family::of_file(name) != *family)
        .map(|(name, family)| (name, family, Family::of_file(name)))
        .collect();
    assert_eq!(wrong, []);
}

#[test]
fn reads_the_usual_spellings_of_a_family() {
    for (name, family) in [
        ("sd15", Family::Sd15),
        ("sd1.5", Family::Sd15),
        ("SD 1.5", Family::Sd15),
        ("stable-diffusion-1.5", Family::Sd15),
        ("stable_diffusion_1.5", Family::Sd15),
        ("stable-diffusion-xl", Family::Sdxl),
        ("flux.1", Family::Flux),
        ("sd3.5", Family::Sd3),
        ("stable-cascade", Family::Cascade),
        ("Z-Image", Family::ZImage),
    ] {
        assert_eq!(Family::parse(name).ok(), Some(family), "{name}");
    }
}

#[test]
fn names_the_nearest_family_for_an_unknown_one() {
    let error = Family::parse("sdxll").expect_err("no such family");
    assert!(error.to_string().contains("did you mean `sdxl`"), "{error}");
}

#[test]
fn every_id_reads_back() {
    for family in Family::all() {
        assert_eq!(Family::parse(family.as_str()).ok(), Some(family));
    }
}

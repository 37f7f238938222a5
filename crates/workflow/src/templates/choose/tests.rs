use super::*;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn choose(checkpoints: &[&str], diffusion: &[&str], requested: Option<&str>) -> Result<Model> {
    let (checkpoints, diffusion_models) = (names(checkpoints), names(diffusion));
    let text_encoders = names(&[
        "umt5_xxl_fp8.safetensors",
        "t5xxl_fp16.safetensors",
        "clip_l.safetensors",
        "qwen_3_4b.safetensors",
    ]);
    let vaes = names(&["wan_2.1_vae.safetensors", "FLUX1/ae.safetensors"]);
    let installed = Installed {
        checkpoints: &checkpoints,
        diffusion_models: &diffusion_models,
        text_encoders: &text_encoders,
        vaes: &vaes,
    };
    choose_model(installed, requested)
}

fn checkpoint(name: &str) -> Model {
    Model::Checkpoint { name: name.to_owned() }
}

#[test]
fn takes_the_only_checkpoint_however_odd_its_name() {
    assert_eq!(
        choose(&["höchst sonderbar (7).ckpt"], &[], None).ok(),
        Some(checkpoint("höchst sonderbar (7).ckpt"))
    );
}

#[test]
fn prefers_a_known_picture_model_to_refiners_video_and_sound() {
    let installed = [
        "ace_step_v1_3.5b.safetensors",
        "a_unknown.safetensors",
        "ltx-video-2b.safetensors",
        "sd_xl_base_1.0.safetensors",
        "sd_xl_refiner_1.0.safetensors",
    ];
    assert_eq!(choose(&installed, &[], None).ok(), Some(checkpoint("sd_xl_base_1.0.safetensors")));
}

#[test]
fn falls_back_to_a_diffusion_model_with_its_companions() {
    let model = choose(&["svd_xt.safetensors"], &["wan2.1_t2v.safetensors", "flux1-dev.safetensors"], None);
    let expected = Model::Diffusion {
        name: "flux1-dev.safetensors".into(),
        family: Family::Flux,
        text_encoders: names(&["clip_l.safetensors", "t5xxl_fp16.safetensors"]),
        vae: "FLUX1/ae.safetensors".into(),
    };
    assert_eq!(model.ok(), Some(expected));
}

#[test]
fn says_which_companion_is_missing() {
    let error = choose(&[], &["qwen_image_fp8.safetensors"], None).expect_err("no encoder");
    assert_eq!(
        error.to_string(),
        "`qwen_image_fp8.safetensors` needs files that are not installed: \
         qwen_2.5_vl_7b_fp8_scaled.safetensors (text_encoders), qwen_image_vae.safetensors (vae)"
    );
}

#[test]
fn finds_a_loosely_named_model() {
    let installed = ["SDXL/Juggernaut_v9.safetensors", "b.ckpt"];
    assert_eq!(choose(&installed, &[], Some("juggernaut_v9")).ok(), Some(checkpoint(installed[0])));
    assert_eq!(
        choose(&installed, &[], Some("sdxl\\juggernaut_v9.safetensors")).ok(),
        Some(checkpoint(installed[0]))
    );
}

#[test]
fn lists_both_folders_for_an_unknown_model() {
    let error = choose(&["a1111.safetensors"], &["flux1-dev.safetensors"], Some("flux1-dew.safetensors"));
    let error = error.expect_err("not installed");
    assert_eq!(
        error.to_string(),
        "no checkpoint or diffusion model named `flux1-dew.safetensors` is installed; did you mean `flux1-dev.safetensors`?"
    );
    assert_eq!(
        error.hint_text(),
        Some("checkpoints: a1111.safetensors; diffusion_models: flux1-dev.safetensors")
    );
}

#[test]
fn an_empty_server_names_both_folders() {
    let error = choose(&[], &[], None).expect_err("nothing installed");
    assert_eq!(error.hint_text(), Some("checkpoints: none; diffusion_models: none"));
}

#[test]
fn refuses_a_video_model_for_a_picture() {
    let error =
        choose(&["ltx-video-2b-v0.9.5.safetensors"], &[], Some("ltx-video-2b-v0.9.5")).expect_err("video");
    assert_eq!(error.to_string(), "`ltx-video-2b-v0.9.5.safetensors` (ltxv) makes no pictures");
}

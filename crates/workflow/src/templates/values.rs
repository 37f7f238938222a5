//! The values a template is built from: read, completed by defaults, and matched with what is installed.

use serde_json::{Value, json};

use super::choose::{self, Installed, Model};
use super::parameter::{Hint, Kind, Parameter};
use crate::families::Family;
use crate::presets::Preset;
use crate::{Error, ObjectInfo, Result, nearest};
use comfywarden_error::JsonObject;

/// Complete, checked values of one template.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) used: JsonObject,
    pub(super) notes: Vec<String>,
    model: Option<Model>,
}

/// True for families that the plain defaults (20 steps, cfg 7, 512 pixels) suit badly.
fn wants_own_settings(family: Family) -> bool {
    !matches!(family, Family::Sd15 | Family::Sdxl | Family::Pony | Family::Illustrious | Family::Cascade)
}

impl Values {
    /// Reads `given` against the parameters of `template`.
    pub(super) fn read(
        template: &str,
        parameters: &[Parameter],
        given: &JsonObject,
        object_info: Option<&ObjectInfo>,
        draw: u64,
    ) -> Result<Self> {
        refuse_unknown(template, parameters, given)?;
        let mut values = Self { used: JsonObject::new(), notes: Vec::new(), model: None };
        for parameter in parameters {
            let value = match given.get(parameter.name) {
                Some(Value::Null) | None => parameter.default.clone(),
                Some(value) => parameter.read(value)?,
            };
            let value = match &parameter.kind {
                Kind::Seed if value.as_u64().is_none() => draw.into(),
                Kind::Texts | Kind::Numbers if !value.is_array() => json!([value]),
                _ => value,
            };
            values.used.insert(parameter.name.to_owned(), value);
        }
        values.match_files(parameters, given, object_info)?;
        values.follow_family(given);
        values.note_unheard_negative(given);
        Ok(values)
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.used.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn integer(&self, name: &str) -> i64 {
        self.used.get(name).and_then(Value::as_i64).unwrap_or_default()
    }

    pub(super) fn pixels(&self, name: &str) -> u32 {
        u32::try_from(self.integer(name)).unwrap_or_default()
    }

    pub(super) fn number(&self, name: &str) -> f64 {
        self.used.get(name).and_then(Value::as_f64).unwrap_or_default()
    }

    pub(super) fn seed(&self) -> u64 {
        self.used.get("seed").and_then(Value::as_u64).unwrap_or_default()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.used.contains_key(name)
    }

    /// Returns the picture model; a checkpoint of the given name when nothing is known about the server.
    pub(super) fn model(&self) -> Model {
        self.model.clone().unwrap_or_else(|| Model::Checkpoint { name: self.text("model").to_owned() })
    }

    /// Returns `loras`, or `lora_name` with `lora_strength`.
    pub(super) fn loras(&self) -> Vec<(String, f64)> {
        let list = |name: &str| self.used.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let strengths = list("lora_strength");
        let named = list("lora_name").into_iter().enumerate().filter_map(|(i, name)| {
            let strength = strengths.get(i).or(strengths.last()).and_then(Value::as_f64).unwrap_or(1.0);
            Some((name.as_str()?.to_owned(), strength))
        });
        let objects = list("loras").into_iter().filter_map(|item| {
            let strength = item.get("strength").and_then(Value::as_f64).unwrap_or(1.0);
            Some((item.get("name")?.as_str()?.to_owned(), strength))
        });
        named.chain(objects).collect()
    }

    fn match_files(
        &mut self,
        parameters: &[Parameter],
        given: &JsonObject,
        object_info: Option<&ObjectInfo>,
    ) -> Result<()> {
        let Some(catalogue) = object_info else { return Ok(()) };
        for parameter in parameters {
            let named = given.get(parameter.name).and_then(Value::as_str).filter(|name| !name.is_empty());
            match &parameter.kind {
                Kind::Model { families } => self.match_model(catalogue, named, families)?,
                Kind::File { hint: Hint::Empty, .. } if named.is_none() => {}
                Kind::File { folder, hint } => {
                    self.match_file(catalogue, parameter.name, folder, *hint, named)?;
                }
                _ => {}
            }
        }
        self.match_loras(catalogue)
    }

    fn match_model(
        &mut self,
        catalogue: &ObjectInfo,
        named: Option<&str>,
        families: &[Family],
    ) -> Result<()> {
        let lists = Folders::read(catalogue);
        let installed = lists.installed();
        let default = self.text("model").to_owned();
        let has_default = named.is_none() && installed.checkpoints.contains(&default);
        let of_family = || {
            let both = installed.checkpoints.iter().chain(installed.diffusion_models);
            let mut fitting: Vec<&String> = both
                .filter(|name| Family::of_file(name).is_some_and(|family| families.contains(&family)))
                .filter(|name| choose::rank(name).is_some_and(|rank| rank < 2))
                .collect();
            fitting.sort();
            fitting.into_iter().find_map(|name| choose::choose_model(installed, Some(name)).ok())
        };
        let chosen = match named {
            Some(name) => choose::choose_model(installed, Some(name))?,
            None if has_default => Model::Checkpoint { name: default },
            None => match of_family() {
                Some(model) => model,
                None => match choose::choose_model(installed, None) {
                    Ok(model) => model,
                    Err(error) => {
                        let hint = error.hint_text().unwrap_or_default();
                        self.notes
                            .push(format!("{error} ({hint}); the default `{default}` stands in the graph"));
                        return Ok(());
                    }
                },
            },
        };
        let strange = chosen.family().is_none_or(|family| !families.contains(&family));
        if named.is_none() && strange && !families.is_empty() {
            let ids: Vec<&str> = families.iter().map(|family| family.as_str()).collect();
            let name = chosen.name();
            self.notes
                .push(format!("no model of the family {} is installed; `{name}` is used", ids.join(", ")));
        }
        self.used.insert("model".into(), chosen.name().into());
        self.model = Some(chosen);
        Ok(())
    }

    fn match_file(
        &mut self,
        catalogue: &ObjectInfo,
        name: &'static str,
        folder: &str,
        hint: Hint,
        named: Option<&str>,
    ) -> Result<()> {
        let Some(installed) = installed(catalogue, folder) else { return Ok(()) };
        let wanted = named.map_or_else(|| self.text(name).to_owned(), str::to_owned);
        let found = match choose::find(&installed, &wanted)? {
            Some(found) => Some(found.to_owned()),
            None if named.is_some() => None,
            None => fitting(&installed, hint),
        };
        match found {
            Some(found) => {
                self.used.insert(name.to_owned(), found.into());
            }
            None => self.notes.push(format!(
                "`{wanted}` (parameter `{name}`) is not installed in {folder}; installed: {}",
                nearest::list(&installed, 20)
            )),
        }
        Ok(())
    }

    fn match_loras(&mut self, catalogue: &ObjectInfo) -> Result<()> {
        let Some(installed) = installed(catalogue, "loras") else { return Ok(()) };
        let mut notes = Vec::new();
        let mut spell = |value: &mut Value| -> Result<()> {
            let Some(name) = value.as_str() else { return Ok(()) };
            match choose::find(&installed, name)? {
                Some(found) => *value = found.into(),
                None => notes.push(format!(
                    "LoRA `{name}` is not installed; installed: {}",
                    nearest::list(&installed, 20)
                )),
            }
            Ok(())
        };
        for (key, inner) in [("lora_name", false), ("loras", true)] {
            let items = self.used.get_mut(key).and_then(Value::as_array_mut);
            for item in items.into_iter().flatten() {
                match item.get_mut("name") {
                    Some(name) if inner => spell(name)?,
                    _ => spell(item)?,
                }
            }
        }
        self.notes.append(&mut notes);
        Ok(())
    }

    fn note_unheard_negative(&mut self, given: &JsonObject) {
        let family = self.model.as_ref().map_or_else(|| Family::of_file(self.text("model")), Model::family);
        let distilled = matches!(family, Some(Family::Flux | Family::FluxKontext | Family::Flux2));
        if distilled && given.contains_key("negative_prompt") && self.number("cfg") <= 1.0 {
            self.notes.push("negative_prompt has no effect with this model at cfg 1".into());
        }
    }

    /// Takes the settings of an unusual family for values that the caller left open.
    fn follow_family(&mut self, given: &JsonObject) {
        let Some(model) = self.model.clone() else { return };
        let Some(preset) = model.preset().filter(|preset| wants_own_settings(preset.family)) else { return };
        let settings = family_settings(&preset);
        let mut taken = Vec::new();
        for (name, value) in settings {
            let open = given.get(name).is_none_or(Value::is_null);
            if open && self.has(name) && self.used.get(name) != Some(&value) {
                taken.push(format!("{name} {value}"));
                self.used.insert(name.to_owned(), value);
            }
        }
        if !taken.is_empty() {
            let family = preset.family.as_str();
            self.notes.push(format!("settings of the family {family} are used: {}", taken.join(", ")));
        }
    }
}

fn family_settings(preset: &Preset) -> Vec<(&'static str, Value)> {
    let mut settings = vec![
        ("steps", preset.steps.into()),
        ("cfg", json!(preset.cfg)),
        ("sampler_name", preset.sampler_name.into()),
        ("scheduler", preset.scheduler.into()),
    ];
    if preset.width > 0 {
        settings.extend([("width", preset.width.into()), ("height", preset.height.into())]);
    }
    settings
}

fn refuse_unknown(template: &str, parameters: &[Parameter], given: &JsonObject) -> Result<()> {
    let known: Vec<&str> = parameters.iter().map(|parameter| parameter.name).collect();
    let Some(unknown) = given.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    let near = nearest::did_you_mean(unknown, known.iter().copied());
    let near = near.map(|text| format!("; {text}")).unwrap_or_default();
    Err(Error::new(format!("template `{template}` has no parameter `{unknown}`{near}"))
        .hint(format!("its parameters: {}", known.join(", "))))
}

/// Finds a file to replace a default that is not installed.
fn fitting(installed: &[String], hint: Hint) -> Option<String> {
    let mut sorted: Vec<&String> = installed.iter().collect();
    sorted.sort();
    match (hint, sorted.as_slice()) {
        (Hint::Family(families), _) => sorted
            .iter()
            .find(|name| Family::of_file(name).is_some_and(|family| families.contains(&family)))
            .map(|name| (*name).clone()),
        (Hint::Words(wanted), _) => choose::pick(installed, &wanted),
        (Hint::Only, [only]) => Some((*only).clone()),
        _ => None,
    }
}

/// Lists the files of a model folder, from a loader class of the catalogue.
pub fn installed(catalogue: &ObjectInfo, folder: &str) -> Option<Vec<String>> {
    let (class, input) = match folder {
        "checkpoints" => ("CheckpointLoaderSimple", "ckpt_name"),
        "diffusion_models" => ("UNETLoader", "unet_name"),
        "text_encoders" => ("CLIPLoader", "clip_name"),
        "vae" => ("VAELoader", "vae_name"),
        "loras" => ("LoraLoader", "lora_name"),
        "controlnet" => ("ControlNetLoader", "control_net_name"),
        "upscale_models" => ("UpscaleModelLoader", "model_name"),
        "clip_vision" => ("CLIPVisionLoader", "clip_name"),
        "animatediff_models" => ("ADE_AnimateDiffLoaderGen1", "model_name"),
        "ipadapter" => ("IPAdapterModelLoader", "ipadapter_file"),
        "facerestore_models" => ("FaceRestoreModelLoader", "model_name"),
        _ => return None,
    };
    let choices = catalogue.get(class)?.input(input)?.choices.as_ref()?;
    Some(choices.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// The files of the folders that hold picture models.
struct Folders([Vec<String>; 4]);

impl Folders {
    fn read(catalogue: &ObjectInfo) -> Self {
        Self(
            ["checkpoints", "diffusion_models", "text_encoders", "vae"]
                .map(|folder| installed(catalogue, folder).unwrap_or_default()),
        )
    }

    fn installed(&self) -> Installed<'_> {
        let [checkpoints, diffusion_models, text_encoders, vaes] = &self.0;
        Installed { checkpoints, diffusion_models, text_encoders, vaes }
    }
}

//! The list of templates, and building one by name.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Serialize;

use super::graph::Graph;
use super::parameter::Parameter;
use super::values::Values;
use super::{audio, control, picture, video};
use crate::{Error, ObjectInfo, Result, Workflow, nearest};
use comfywarden_error::JsonObject;

/// A workflow that can be built from parameters.
#[derive(Debug, Clone, Serialize)]
pub struct Template {
    /// Its name.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// Its result, in a sentence.
    pub description: &'static str,
    /// The parameters.
    pub parameters: Vec<Parameter>,
    /// The node classes of the graph with all defaults.
    pub classes: Vec<String>,
    /// Classes that ComfyUI does not bring itself, each with the node pack that has it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub packs: BTreeMap<String, &'static str>,
    #[serde(skip)]
    construct: Construct,
}

type Construct = fn(&Values, &mut Graph);

/// A built template.
#[derive(Debug, Clone)]
pub struct Built {
    /// The graph.
    pub workflow: Workflow,
    /// Every parameter with the value that was used, the seed among them.
    pub used: JsonObject,
    /// Notes on choices that were made and files that are missing.
    pub notes: Vec<String>,
}

/// Classes of well-known node packs that templates use.
const PACKS: &[(&str, &str)] = &[
    ("ADE_AnimateDiffLoaderGen1", "ComfyUI-AnimateDiff-Evolved"),
    ("ADE_StandardStaticContextOptions", "ComfyUI-AnimateDiff-Evolved"),
    ("DepthAnythingV2Preprocessor", "comfyui_controlnet_aux"),
    ("OpenposePreprocessor", "comfyui_controlnet_aux"),
    ("IPAdapterModelLoader", "ComfyUI_IPAdapter_plus"),
    ("IPAdapterAdvanced", "ComfyUI_IPAdapter_plus"),
    ("FaceRestoreModelLoader", "facerestore_cf"),
    ("FaceRestoreCFWithModel", "facerestore_cf"),
    ("RMBG", "ComfyUI-RMBG"),
];

/// Returns the node pack that has `class_type`, where a template knows it.
pub fn pack_of(class_type: &str) -> Option<&'static str> {
    PACKS.iter().find(|(class, _)| *class == class_type).map(|(_, pack)| *pack)
}

/// Lists all templates, in a fixed order.
pub fn catalogue() -> &'static [Template] {
    static ALL: OnceLock<Vec<Template>> = OnceLock::new();
    ALL.get_or_init(|| {
        let areas = [picture::templates(), control::templates(), video::templates(), audio::templates()];
        areas.into_iter().flatten().collect()
    })
}

/// Builds the template `name`.
///
/// `object_info` lets absent classes be named and installed models be chosen. `draw` is a random number
/// for the seed when `params` has none or -1 (below 2^53, so that every JSON client reads it exactly).
pub fn build(name: &str, params: &JsonObject, object_info: Option<&ObjectInfo>, draw: u64) -> Result<Built> {
    let Some(template) = catalogue().iter().find(|template| template.name == name) else {
        let names: Vec<&str> = catalogue().iter().map(|template| template.name).collect();
        let near = nearest::did_you_mean(name, names.iter().copied());
        let near = near.map(|text| format!("; {text}")).unwrap_or_default();
        return Err(Error::new(format!("no template `{name}`{near}"))
            .hint(format!("templates: {}", names.join(", "))));
    };
    let values = Values::read(name, &template.parameters, params, object_info, draw)?;
    let workflow = template.construct(&values);
    if let Some(catalogue) = object_info {
        let classes = workflow.iter().map(|(_, node)| node.class_type.as_str());
        refuse_absent(&format!("template `{name}` "), classes, catalogue)?;
    }
    Ok(Built { workflow, used: values.used, notes: values.notes })
}

impl Template {
    pub(super) fn new(
        name: &'static str,
        title: &'static str,
        description: &'static str,
        parameters: Vec<Parameter>,
        construct: Construct,
    ) -> Self {
        let mut template = Self {
            name,
            title,
            description,
            parameters,
            classes: Vec::new(),
            packs: BTreeMap::new(),
            construct,
        };
        let workflow = Values::read(name, &template.parameters, &JsonObject::new(), None, 0)
            .map(|values| template.construct(&values))
            .unwrap_or_default();
        for (_, node) in workflow.iter() {
            if !template.classes.contains(&node.class_type) {
                template.classes.push(node.class_type.clone());
            }
        }
        let foreign = template.classes.iter().filter_map(|class| Some((class.clone(), pack_of(class)?)));
        template.packs = foreign.collect();
        template
    }

    fn construct(&self, values: &Values) -> Workflow {
        let mut graph = Graph::default();
        (self.construct)(values, &mut graph);
        graph.finish()
    }
}

/// Refuses to build without the needed node classes, and says which and where they come from. `what` is the
/// subject of the sentence, with a blank behind it, or empty.
pub fn refuse_absent<'a>(
    what: &str,
    classes: impl Iterator<Item = &'a str>,
    catalogue: &ObjectInfo,
) -> Result<()> {
    let mut absent: Vec<&str> = classes.filter(|class| !catalogue.contains(class)).collect();
    absent.sort_unstable();
    absent.dedup();
    if absent.is_empty() {
        return Ok(());
    }
    let mut packs: Vec<&str> = absent.iter().filter_map(|class| pack_of(class)).collect();
    packs.sort_unstable();
    packs.dedup();
    let remedy = if packs.is_empty() {
        "update ComfyUI, with which classes come, or install the node pack that has them \
         (comfyui_search_custom_nodes) and restart ComfyUI"
            .to_owned()
    } else {
        format!(
            "install the node pack {} (comfyui_install_custom_node), then restart ComfyUI",
            packs.join(", ")
        )
    };
    let classes = nearest::list(&absent, 10);
    Err(Error::new(format!("{what}needs node classes that this ComfyUI lacks: {classes}")).hint(remedy))
}

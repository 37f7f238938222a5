//! Names that the editor replaces while it loads a file.

use serde_json::Value;

use super::model::NodeModel;

/// Returns the current name of a renamed class.
pub(super) fn current_class(class_type: &str) -> &str {
    match class_type {
        "T2IAdapterLoader" => "ControlNetLoader",
        "ConditioningAverage " => "ConditioningAverage",
        "SDV_img2vid_Conditioning" => "SVD_img2vid_Conditioning",
        "Load3DAnimation" => "Load3D",
        "Preview3DAnimation" => "Preview3D",
        other => other,
    }
}

/// Renames `sample_euler` and its siblings to `euler`.
pub(super) fn sampler_names(model: &mut NodeModel<'_>) {
    if !["KSampler", "KSamplerAdvanced"].contains(&model.class_type) {
        return;
    }
    for widget in model.widgets.iter_mut().filter(|widget| widget.name == "sampler_name") {
        if let Some(Value::String(name)) = &mut widget.value
            && let Some(new) = name.strip_prefix("sample_")
        {
            *name = new.to_owned();
        }
    }
}

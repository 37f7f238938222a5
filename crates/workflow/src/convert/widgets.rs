//! Widgets: the inputs that have one, their defaults, and the effect of assigning a value.

use serde_json::Value;

use crate::{
    js_number::value_text,
    object_info::{Dynamic, DynamicChoice, InputSpec},
};

/// The input types for which the editor makes a widget instead of a socket.
const WIDGET_TYPES: [&str; 19] = [
    "INT",
    "FLOAT",
    "BOOLEAN",
    "STRING",
    "MARKDOWN",
    "COMBO",
    "IMAGEUPLOAD",
    "COLOR",
    "IMAGECOMPARE",
    "CHART",
    "GALLERIA",
    "TEXTAREA",
    "COMFY_DYNAMICCOMBO_V3",
    "AUDIO_UI",
    "AUDIOUPLOAD",
    "AUDIO_RECORD",
    "WEBCAM",
    "LOAD_3D",
    "PREVIEW_3D",
];

/// One widget of a node.
#[derive(Debug, Clone)]
pub(super) struct Widget<'a> {
    pub(super) name: String,
    /// `None` is JavaScript's `undefined`: the key is not sent.
    pub(super) value: Option<Value>,
    pub(super) kind: WidgetKind<'a>,
    /// The input it belongs to; companions such as `control_after_generate` have none.
    pub(super) spec: Option<&'a InputSpec>,
    /// True when comments and alternatives of the text are resolved before it is sent.
    pub(super) dynamic_prompts: bool,
    /// True when the file or a primitive gave the value.
    pub(super) given: bool,
}

/// The kinds of widgets, by the way they take a value.
#[derive(Debug, Clone)]
pub(super) enum WidgetKind<'a> {
    /// Keeps whatever it is given.
    Plain,
    /// A number box for integers.
    Integer,
    /// A number box for decimals.
    Decimal,
    /// A text area: everything becomes text.
    TextArea,
    /// A file chooser: no file means the default.
    Media { default: Option<Value>, folder: Option<String> },
    /// A combo that brings inputs of its own.
    Dynamic(&'a [DynamicChoice]),
    /// A recording made in the browser, empty in a file.
    Recording,
    /// A picture taken in the browser when the workflow runs.
    Live,
    /// Owns a slot among the values and is never sent.
    Silent,
}

impl<'a> Widget<'a> {
    /// Makes the widget of an input, with its default.
    pub(super) fn new(name: String, spec: &'a InputSpec) -> Self {
        let kind = kind_of_widget(spec);
        let dynamic_prompts =
            widget_type(spec) == "STRING" && spec.options.get("dynamicPrompts") == Some(&true.into());
        let mut widget = Self { name, value: None, kind, spec: Some(spec), dynamic_prompts, given: false };
        widget.set(default_value(spec));
        widget
    }

    /// Makes a widget that owns a value slot and is not sent.
    pub(super) fn silent(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: None,
            kind: WidgetKind::Silent,
            spec: None,
            dynamic_prompts: false,
            given: false,
        }
    }

    /// Assigns a value as the widget takes it.
    pub(super) fn set(&mut self, value: Option<Value>) {
        self.value = match &self.kind {
            WidgetKind::TextArea => Some(Value::String(text_area(value.as_ref()))),
            WidgetKind::Media { default, folder } if default.is_some() || folder.is_some() => {
                media_path(value, default.as_ref(), folder.as_deref())
            }
            _ => value,
        };
    }
}

/// True when the editor makes a widget for this input.
pub(super) fn is_widget(spec: &InputSpec) -> bool {
    let flag = |key: &str| spec.options.get(key).is_some_and(truthy);
    let forced = flag("forceInput") || (!spec.required && flag("defaultInput"));
    !forced && WIDGET_TYPES.contains(&widget_type(spec))
}

/// True when the input is a socket although its type has widgets.
pub(super) fn is_forced(spec: &InputSpec) -> bool {
    let flag = |key: &str| spec.options.get(key).is_some_and(truthy);
    flag("forceInput") || (!spec.required && flag("defaultInput"))
}

fn widget_type(spec: &InputSpec) -> &str {
    let stated = spec.options.get("widgetType").and_then(Value::as_str);
    // An input of several types has the widget of the first type that has one.
    let first = || spec.ty.split(',').map(str::trim).find(|ty| WIDGET_TYPES.contains(ty));
    stated.or_else(first).unwrap_or(&spec.ty)
}

fn kind_of_widget(spec: &InputSpec) -> WidgetKind<'_> {
    let multiline = spec.options.get("multiline").is_some_and(truthy);
    match (widget_type(spec), &spec.dynamic) {
        (_, Some(Dynamic::Combo(choices))) => WidgetKind::Dynamic(choices),
        ("INT", _) => WidgetKind::Integer,
        ("FLOAT", _) => WidgetKind::Decimal,
        ("STRING", _) if multiline => WidgetKind::TextArea,
        ("MARKDOWN", _) => WidgetKind::TextArea,
        ("AUDIO_RECORD", _) => WidgetKind::Recording,
        ("WEBCAM" | "LOAD_3D", _) => WidgetKind::Live,
        ("AUDIO_UI" | "AUDIOUPLOAD" | "IMAGEUPLOAD" | "PREVIEW_3D", _) => WidgetKind::Silent,
        _ => WidgetKind::Plain,
    }
}

fn default_value(spec: &InputSpec) -> Option<Value> {
    let default = spec.options.get("default").filter(|value| !value.is_null()).cloned();
    match widget_type(spec) {
        "INT" | "FLOAT" => Some(default.unwrap_or_else(|| 0.into())),
        "BOOLEAN" => Some(default.unwrap_or_else(|| false.into())),
        "STRING" | "MARKDOWN" => Some(default.unwrap_or_else(|| "".into())),
        "COLOR" => {
            let inner = spec.options.get("options").and_then(|o| o.get("default")).cloned();
            Some(inner.unwrap_or_else(|| "#000000".into()))
        }
        "IMAGECOMPARE" => Some(vec!["", ""].into()),
        "COMFY_DYNAMICCOMBO_V3" => match &spec.dynamic {
            Some(Dynamic::Combo(choices)) => choices.first().map(|choice| choice.key.as_str().into()),
            _ => None,
        },
        "COMBO" => combo_default(spec, default),
        "AUDIO_RECORD" => Some("".into()),
        _ => default,
    }
}

fn combo_default(spec: &InputSpec, default: Option<Value>) -> Option<Value> {
    if spec.options.get("multi_select").is_some_and(truthy) {
        return Some(default.unwrap_or_else(|| Value::Array(Vec::new())));
    }
    let first = || spec.choices.as_ref().and_then(|choices| choices.first().cloned());
    let remote = || spec.options.contains_key("remote").then(|| "Loading...".into());
    default.filter(truthy).or_else(first).or_else(remote)
}

/// Names the value slots that follow an input's widget and are never sent.
pub(super) fn companions(name: &str, spec: &InputSpec) -> &'static [&'static str] {
    let stated = spec.options.get("control_after_generate").filter(|value| !value.is_null());
    match widget_type(spec) {
        "INT" if stated.map_or(["seed", "noise_seed"].contains(&name), truthy) => &["control_after_generate"],
        "FLOAT" if stated.is_some_and(truthy) => &["control_after_generate"],
        "COMBO" if stated.is_some_and(truthy) && !spec.options.get("multi_select").is_some_and(truthy) => {
            &["control_after_generate", "control_filter_list"]
        }
        _ => &[],
    }
}

/// True for a combo whose files the user uploads: the editor gives it a button.
pub(super) fn is_media_upload(spec: &InputSpec) -> bool {
    let uploads = ["image_upload", "video_upload", "animated_image_upload"];
    spec.ty == "COMBO" && uploads.iter().any(|key| spec.options.get(*key) == Some(&true.into()))
}

/// Converts a value to the text of a text area: JavaScript's spelling, with line ends made `\n`.
fn text_area(value: Option<&Value>) -> String {
    match value {
        Some(Value::Null) => String::new(),
        Some(Value::String(text)) if !text.contains('\r') => text.clone(),
        other => value_text(other).replace("\r\n", "\n").replace('\r', "\n"),
    }
}

fn media_path(value: Option<Value>, default: Option<&Value>, folder: Option<&str>) -> Option<Value> {
    let annotated = |path: &str| -> Value {
        let lower = path.to_ascii_lowercase();
        let named = ["[input]", "[output]", "[temp]"].iter().any(|kind| lower.contains(kind));
        match folder {
            Some(folder) if folder != "input" && !named => format!("{path} [{folder}]").into(),
            _ => path.into(),
        }
    };
    let path = |value: &Value| -> Value {
        match value {
            Value::String(path) => annotated(path),
            Value::Object(file) => {
                let part = |key: &str| file.get(key).and_then(Value::as_str).unwrap_or_default();
                let folder = if part("subfolder").is_empty() {
                    String::new()
                } else {
                    format!("{}/", part("subfolder"))
                };
                let kind = match part("type") {
                    "" | "input" => String::new(),
                    kind => format!(" [{kind}]"),
                };
                format!("{folder}{}{kind}", part("filename")).into()
            }
            _ => "".into(),
        }
    };
    match value {
        Some(Value::Array(items)) => items.first().map(path),
        Some(value) if truthy(&value) => Some(path(&value)),
        _ => default.map(path),
    }
}

/// Converts a value to a boolean as JavaScript does.
pub(super) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64().is_some_and(|n| n != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

//! One class of ComfyUI's node catalogue, made small enough to read.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    params::Page,
    shown::{show_all, show_map, shown},
};
use comfywarden_error::{Error, JsonObject, Kind, Result};
use comfywarden_policy::redact;
use comfywarden_workflow::nearest;

/// Maximum size of an entry that is read at all, in bytes.
const MAX_ENTRY: usize = 4 << 20;
/// Maximum size of the default result, in characters of JSON; the note about what is missing comes on top.
const BUDGET: usize = 7_200;
/// The longest single text.
const MAX_TEXT: usize = 1_000;

/// Requested part of one input.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) input: String,
    pub(super) limit: u32,
    pub(super) offset: u32,
}

/// Inputs and outputs of a node class.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NodeInfo {
    name: String,
    display_name: String,
    description: String,
    category: String,
    python_module: String,
    output_node: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deprecated: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    experimental: bool,
    /// Running it calls a paid service
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    api_node: bool,
    /// By section: required, optional, hidden
    input: JsonObject,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_order: Option<Value>,
    is_input_list: bool,
    output: Vec<Value>,
    output_is_list: Vec<Value>,
    output_name: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    search_aliases: Vec<Value>,
    /// Where in the choices of the one input this page lies
    #[serde(skip_serializing_if = "Option::is_none")]
    choices: Option<Page>,
    /// What was left out to keep the answer small
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shortened: Vec<String>,
}

/// Reads an entry. Without `part` it is shortened until it fits; with it only that input is left, whole.
pub(super) fn read(class: &str, text: &str, part: Option<&Part>) -> Result<NodeInfo> {
    let unreadable = |why: &str| {
        let class = shown(class, 200);
        Error::new(
            Kind::Upstream,
            format!("ComfyUI describes the class `{class}` in a way that cannot be read: {why}"),
        )
        .hint("the node pack that brings the class is at fault; update or remove it")
    };
    if text.len() > MAX_ENTRY {
        return Err(unreadable("its entry is larger than 4 MiB"));
    }
    let mut entry: JsonObject =
        serde_json::from_str(text).map_err(|_| unreadable("it is not an object, or too deep"))?;
    let mut info = NodeInfo::take(class, &mut entry);
    hide_defaults(&mut info.input);
    match part {
        Some(part) => info.only(part)?,
        None => info.shorten(),
    }
    show_map(&mut info.input, MAX_TEXT);
    Ok(info)
}

impl NodeInfo {
    fn take(class: &str, entry: &mut JsonObject) -> Self {
        let flag = |key: &str| entry.get(key).and_then(Value::as_bool).unwrap_or(false);
        let (output_node, is_input_list) = (flag("output_node"), flag("is_input_list"));
        let (deprecated, experimental, api_node) =
            (flag("deprecated"), flag("experimental"), flag("api_node"));
        let text =
            |key: &str, limit| shown(entry.get(key).and_then(Value::as_str).unwrap_or_default(), limit);
        let (display_name, description) = (text("display_name", 200), text("description", MAX_TEXT));
        let (category, python_module) = (text("category", 200), text("python_module", 200));
        let mut list = |key: &str, most: usize| {
            let Some(Value::Array(mut items)) = entry.shift_remove(key) else { return Vec::new() };
            items.truncate(most);
            items.iter_mut().for_each(|item| show_all(item, 200));
            items
        };
        let mut output = list("output", 64);
        // Some classes list an output's values where its type should stand.
        output.iter_mut().filter(|ty| !ty.is_string()).for_each(|ty| *ty = json!("COMBO"));
        let (output_is_list, output_name) = (list("output_is_list", 64), list("output_name", 64));
        let search_aliases = list("search_aliases", 16);
        let input = match entry.shift_remove("input") {
            Some(Value::Object(input)) => input,
            _ => JsonObject::new(),
        };
        let mut input_order = entry.shift_remove("input_order");
        input_order.iter_mut().for_each(|order| show_all(order, 200));
        Self {
            name: shown(class, 200),
            display_name,
            description,
            category,
            python_module,
            output_node,
            deprecated,
            experimental,
            api_node,
            input,
            input_order,
            is_input_list,
            output,
            output_is_list,
            output_name,
            search_aliases,
            choices: None,
            shortened: Vec::new(),
        }
    }

    /// Leaves out more and more until the rest fits.
    fn shorten(&mut self) {
        let whole = self.input.clone();
        for most in [usize::MAX, 100, 30] {
            self.cut_choices(&whole, most, false);
            if self.fits() {
                return;
            }
        }
        for most in [30, 10, 3] {
            self.cut_choices(&whole, most, true);
            if self.fits() {
                return;
            }
        }
        self.input_order = None;
        if !self.fits() {
            self.types_only(&whole);
        }
    }

    fn fits(&self) -> bool {
        serde_json::to_string(self).is_ok_and(|text| text.len() <= BUDGET)
    }

    fn cut_choices(&mut self, whole: &JsonObject, most: usize, without_words: bool) {
        self.input.clone_from(whole);
        self.shortened.clear();
        if without_words {
            self.input.values_mut().for_each(drop_tooltips);
            self.shortened.push("tooltips".to_owned());
        }
        let mut cut = Vec::new();
        for spec in self.input.values_mut().filter_map(Value::as_object_mut).flatten() {
            let (name, spec) = spec;
            let Some(list) = choices(spec) else { continue };
            let total = list.len();
            // A choice with inputs of its own takes the room of many plain ones.
            let plain = list.iter().all(|choice| !choice.is_object());
            if !plain && most <= 10 {
                list.iter_mut().for_each(only_its_key);
                cut.push(format!("inputs that the choices of `{}` bring", shown(name, 80)));
            }
            if total > most {
                list.truncate(most);
                cut.push(format!("{} of {total} choices of `{}`", total - most, shown(name, 80)));
            }
        }
        self.note(cut);
    }

    /// The last resort: names and types, and not too many of them.
    fn types_only(&mut self, whole: &JsonObject) {
        const MAX_ENTRIES: usize = 80;
        self.input = JsonObject::new();
        self.shortened.clear();
        let mut left_out = 0;
        for (section, specs) in whole.iter().take(3) {
            let specs = specs.as_object().into_iter().flatten();
            let mut kept = JsonObject::new();
            for (name, spec) in specs {
                if kept.len() >= MAX_ENTRIES {
                    left_out += 1;
                } else {
                    kept.insert(shown(name, 40), json!([shown(type_of(spec), 40)]));
                }
            }
            self.input.insert(shown(section, 40), kept.into());
        }
        let mut cut = vec!["everything about the inputs but their types".to_owned()];
        if left_out > 0 {
            cut.push(format!("{left_out} inputs"));
        }
        self.note(cut);
    }

    fn note(&mut self, mut cut: Vec<String>) {
        const MAX_ENTRIES: usize = 12;
        let rest = cut.len().saturating_sub(MAX_ENTRIES);
        cut.truncate(MAX_ENTRIES);
        self.shortened.append(&mut cut);
        if rest > 0 {
            self.shortened.push(format!("{rest} more such lists"));
        }
        if !self.shortened.is_empty() {
            self.shortened.push("call again with `input` to see one input whole".to_owned());
        }
    }

    /// Leaves one input, its choices by page.
    fn only(&mut self, part: &Part) -> Result<()> {
        let holds = |section: &(&String, &Value)| section.1.get(&part.input).is_some();
        let Some(section) = self.input.iter().find(holds).map(|(section, _)| section.clone()) else {
            return Err(self.no_input(&part.input));
        };
        let spec = self.input.get_mut(&section).and_then(|specs| specs.get_mut(&part.input)).map(Value::take);
        let mut spec = spec.unwrap_or_default();
        if let Some(list) = choices(&mut spec) {
            let (items, page) = Page::cut(std::mem::take(list), part.limit, part.offset);
            *list = items;
            self.choices = Some(page);
        }
        self.input = JsonObject::from_iter([(section, json!({ part.input.clone(): spec }))]);
        self.input_order = None;
        self.search_aliases = Vec::new();
        Ok(())
    }

    fn no_input(&self, wanted: &str) -> Error {
        let names: Vec<&str> = self
            .input
            .values()
            .filter_map(Value::as_object)
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        let near = nearest::did_you_mean(wanted, names.iter().copied());
        let listed = shown(&nearest::list(&names, 40), 1_500);
        Error::not_found(format!("the class `{}` has no input `{}`", self.name, shown(wanted, 80)))
            .hint(near.map_or_else(|| format!("its inputs are: {listed}"), |near| shown(&near, 400)))
    }
}

/// The list of choices in an input's description, in either spelling; also those that bring inputs of their own.
fn choices(spec: &mut Value) -> Option<&mut Vec<Value>> {
    let parts = spec.as_array_mut()?;
    if parts.first().is_some_and(Value::is_array) {
        return parts.first_mut()?.as_array_mut();
    }
    parts.get_mut(1)?.get_mut("options")?.as_array_mut()
}

fn type_of(spec: &Value) -> &str {
    match spec.get(0) {
        Some(Value::String(ty)) => ty,
        Some(Value::Array(_)) => "COMBO",
        _ => "*",
    }
}

fn only_its_key(choice: &mut Value) {
    if let Some(key) = choice.get("key").cloned() {
        *choice = json!({ "key": key });
    }
}

fn drop_tooltips(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, item| key != "tooltip" || !item.is_string());
            map.values_mut().for_each(drop_tooltips);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_tooltips),
        _ => {}
    }
}

/// A pack may fill the default of a key or password from the server's environment.
fn hide_defaults(input: &mut JsonObject) {
    for (name, spec) in input.values_mut().filter_map(Value::as_object_mut).flatten() {
        let Some(options) = spec.get_mut(1) else { continue };
        if redact::is_secret_key(name)
            && let Some(default) = options.get_mut("default")
            && default.as_str().is_some_and(|text| !text.is_empty())
        {
            *default = redact::REDACTED.into();
        } else {
            redact::redact(options);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use comfywarden_workflow::recorded;

    fn size(info: &NodeInfo) -> usize {
        serde_json::to_string(info).unwrap().len()
    }

    #[test]
    fn every_recorded_class_fits_and_keeps_its_inputs() {
        let catalogue = recorded::object_info();
        let mut shortened = 0;
        for name in catalogue.names() {
            let text = catalogue.raw(name).unwrap();
            let info = read(name, text, None).unwrap();
            assert!(size(&info) <= 8_000, "{name}: {}", size(&info));
            let before: Value = serde_json::from_str(text).unwrap();
            for section in ["required", "optional"] {
                let count = |of: &Value| of[section].as_object().map_or(0, JsonObject::len);
                assert_eq!(count(&before["input"]), count(&json!(info.input)), "{name}");
            }
            shortened += usize::from(!info.shortened.is_empty());
        }
        assert!(shortened < 12, "{shortened} of {} were shortened", catalogue.names().len());
    }

    #[test]
    fn a_list_of_thousands_is_cut_and_can_be_paged_to_its_end() {
        let files: Vec<String> = (0..5_000).map(|n| format!("sdxl/model number {n}.safetensors")).collect();
        let entry = json!({"input": {"required": {"ckpt_name": [files, {"tooltip": "t"}], "x": ["INT", {"min": 0}]}}});
        let info = read("Loader (Efficient)", &entry.to_string(), None).unwrap();
        assert!(
            size(&info) <= 8_000 && info.shortened[0].contains("of 5000 choices of `ckpt_name`"),
            "{info:?}"
        );
        let part = Part { input: "ckpt_name".into(), limit: 50, offset: 4_980 };
        let info = read("Loader (Efficient)", &entry.to_string(), Some(&part)).unwrap();
        let list = info.input["required"]["ckpt_name"][0].as_array().unwrap();
        assert_eq!((list.len(), info.choices.unwrap().total), (20, 5_000));
        assert_eq!(list.last().unwrap(), "sdxl/model number 4999.safetensors");
        assert!(info.input["required"].get("x").is_none());
        let part = Part { input: "ckpt".into(), ..part };
        let error = read("Loader (Efficient)", &entry.to_string(), Some(&part)).unwrap_err();
        assert_eq!(error.hint_text(), Some("did you mean `ckpt_name`?"));
    }

    #[test]
    fn hostile_entries_stay_small_and_secrets_stay_hidden() {
        let inputs: JsonObject =
            (0..20_000).map(|n| (format!("{n}{}", "x".repeat(300)), json!(["T".repeat(500)]))).collect();
        let info = read("Big", &json!({"input": {"required": inputs}}).to_string(), None);
        assert!(info.is_err_and(|error| error.kind() == Kind::Upstream));
        let inputs: JsonObject =
            (0..2_000).map(|n| (format!("{n}{}", "x".repeat(300)), json!(["T".repeat(500)]))).collect();
        let info = read("Big", &json!({"input": {"required": inputs}}).to_string(), None).unwrap();
        assert!(size(&info) <= 9_000, "{}", size(&info));
        for text in ["[]", "7", "{", &format!("{{\"input\":{}", "[".repeat(5_000))] {
            assert_eq!(read("Odd", text, None).unwrap_err().kind(), Kind::Upstream, "{text:.20}");
        }
        let entry = json!({"input": {"required": {"api_key": ["STRING", {"default": "sk-live-1"}],
            "size": ["COMBO", {"options": ["a\u{202e}b"]}]}}, "description": "x\u{1b}[2J"});
        let info = read("Key", &entry.to_string(), None).unwrap();
        assert_eq!(info.input["required"]["api_key"], json!(["STRING", {"default": "[redacted]"}]));
        assert_eq!(
            (info.input["required"]["size"][1]["options"][0].as_str(), info.description.as_str()),
            (Some("a\\u{202e}b"), "x\\x1b[2J")
        );
    }
}

//! Judges one text by its location: the purpose of the input and the way of its value.

use serde_json::Value;

use super::{
    classes::Origin,
    code::{Confidence, find_code},
    code_heuristics,
    credential::{is_credential, is_reference},
    dataflow::{DataFlow, SEAM},
    deobfuscate::{Reading, readings},
    encoded::{Runs, hidden_in},
    excerpt,
    fault::{Fault, Found, Usage},
    finding::Flag,
    inputs::Purpose,
    location::{Location, ValuePath},
    packages, path_url_rules, programs, prompt_injection,
    text::{Text, kind},
};
use crate::redact::REDACTED;

/// Extensions of files that Python unpickles.
const PICKLES: [&str; 7] = [".ckpt", ".pt", ".pth", ".bin", ".pkl", ".pickle", ".dill"];

/// The reason for text that would steer a terminal.
pub(super) const STEERS: &str = "characters that steer the display";
/// The reason for text that an assistant would take for orders.
pub(super) const SPEAKS: &str = "text addressed to the assistant";

/// Works out the use that a node makes of a value.
pub(super) fn usage(path: ValuePath<'_>, location: Location<'_>, flow: &DataFlow<'_>) -> Usage {
    let purpose = of_place(path, location);
    let only_words = is_only_words(location, purpose, flow);
    if purpose.prose && (location.class_facts.shows || is_condition(path.input())) {
        // Nothing runs there either, as in a note.
        return Usage { purpose, origin: Origin::EditorOnly, may_run: false, only_words };
    }
    // Nodes that are not ComfyUI's own may run what they get, unless it only becomes words for a model.
    let may_run = location.origin == Origin::Custom && !only_words;
    Usage { purpose, origin: location.origin, may_run, only_words }
}

/// Judges a text where it is written.
pub(super) fn judge(text: &str, secret: bool, usage: Usage) -> Found {
    judge_text(text, Some(secret), usage)
}

/// Judges a text that a link brings; by itself it was judged where it is written.
///
/// Pieces that a node may or may not join are judged one by one; together they count only for what no piece shows.
pub(super) fn judge_linked(text: &str, usage: Usage) -> Found {
    let pieces: Vec<&str> = text.split(SEAM).filter(|piece| !piece.is_empty()).collect();
    let mut found: Found = pieces.iter().flat_map(|piece| judge_text(piece, None, usage)).collect();
    if pieces.len() < 2 {
        return found;
    }
    let whole = pieces.concat();
    let leads_inside = || path_url_rules::internal_address(&whole).is_some();
    for fault in judge_text(&whole, None, usage) {
        let counts = match fault.flag {
            Flag::SsrfUrl => leads_inside(),
            Flag::ExternalUrl => false,
            _ => true,
        };
        if counts && !found.iter().any(|known| known.flag == fault.flag) {
            found.push(fault);
        }
    }
    found
}

fn judge_text(text: &str, own: Option<bool>, usage: Usage) -> Found {
    let Usage { purpose, origin, may_run, only_words } = usage;
    let mut found = Found::new();
    if only_words || text.is_empty() {
        return found;
    }
    let text = Text::new(text);
    if may_run {
        let reference = own == Some(true) && is_reference(&text);
        // Nothing is said in three characters, and there are many such values.
        let readings = if text.len() > 3 { readings(text) } else { Vec::new() };
        if !reference {
            found.extend(runs(text, &readings, purpose));
        }
        judge_place(text, own.is_none(), (origin, purpose), &mut found);
        judge_hidden_place(text, &readings, &mut found);
    } else {
        judge_place(text, own.is_none(), (origin, purpose), &mut found);
    }
    if let Some(secret) = own {
        judge_words(text, secret, (origin, purpose), &mut found);
        // Excerpts are without secrets that have a name or a shape; one that only the input's name tells has neither.
        if secret {
            found.iter_mut().for_each(|fault| fault.excerpt = None);
        }
    }
    found
}

/// Judges pieces that a node may join.
pub(super) fn judge_joined(text: &str, usage: Usage) -> Found {
    let Usage { purpose, may_run, .. } = usage;
    let text = Text::new(text);
    let code = may_run.then(|| find_code(text, &readings(text), required_confidence(purpose))).flatten();
    let why = "pieces that are code when they are put together";
    code.map(|code| Fault::new(Flag::CodeInInput, why, Some(code.excerpt))).into_iter().collect()
}

/// Finds what a text would do if the node ran it as its input's name says.
fn runs(text: Text<'_>, readings: &[Reading<'_>], purpose: Purpose) -> Option<Fault> {
    if let Some(code) = find_code(text, readings, required_confidence(purpose))
        && (purpose.code || code.decoded || !is_name(&text))
    {
        return Some(Fault::code(code));
    }
    if purpose.language
        && let Some(end) = code_heuristics::end_of_code(text)
    {
        let excerpt = excerpt::around(&text, end);
        return Some(Fault::new(Flag::CodeInInput, "it has the shape of code", Some(excerpt)));
    }
    let option = purpose.url || purpose.path || purpose.code;
    let is_program = (purpose.code && programs::is_brackets(&text))
        || (!purpose.prose && programs::includes_library(text));
    let why = if purpose.command && is_command(&text) {
        "a command line"
    } else if is_program {
        "a program in another language"
    } else if purpose.arguments && programs::starts_another(&text) {
        "an option that starts another program"
    } else if purpose.packages && !purpose.prose && packages::installs(&text, purpose.url) {
        "more than the names of packages"
    } else if (purpose.path && programs::runs_as_name(&text))
        || (!purpose.prose && programs::runs_behind_name(text))
    {
        "a command in place of a name or behind it"
    } else if purpose.code && names_host_files(text) {
        "files outside of ComfyUI's folders"
    } else if option && is_option(&text) && !is_arguments(&text, purpose) {
        "an option for a program"
    } else {
        return None;
    };
    Some(Fault::new(Flag::CodeInInput, why, Some(excerpt::start(&text))))
}

/// True for `subprocess` and `os.system`: a name by itself does nothing where no code is expected.
fn is_name(text: &str) -> bool {
    let text = text.trim();
    !text.starts_with("__")
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

/// True for arguments that begin with an option, where arguments are expected.
fn is_arguments(text: &str, purpose: Purpose) -> bool {
    purpose.code && !purpose.url && !purpose.path && !text.contains('=')
}

/// True for `--upload-pack=…` where a name or an address is expected.
fn is_option(text: &str) -> bool {
    let rest = text.trim_start().trim_start_matches('-');
    rest.len() < text.trim_start().len() && rest.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// True for `textfile=/etc/passwd` and the like among a program's arguments.
fn names_host_files(text: Text<'_>) -> bool {
    text.has(kind::SLASH)
        && text.split(|c: char| c.is_whitespace() || matches!(c, '=' | ',' | '\'' | '"' | ':')).any(|word| {
            word.len() > 2 && word.contains('/') && path_url_rules::clearly_escapes(Text::new(word))
        })
}

/// Joins the purpose of the innermost name with that of its input.
fn of_place(path: ValuePath<'_>, location: Location<'_>) -> Purpose {
    let outer = path.outer().purpose(location.class_facts.loads, location.class_facts.origin);
    if matches!(path, ValuePath::Root(..)) {
        return outer;
    }
    let inner = path.inner().purpose(location.class_facts.loads, location.class_facts.origin);
    Purpose {
        prose: inner.prose && !outer.code,
        code: outer.code || inner.code,
        command: outer.command || inner.command,
        language: outer.language || inner.language,
        arguments: outer.arguments || inner.arguments,
        packages: outer.packages || inner.packages,
        chat: outer.chat || inner.chat,
        path: outer.path || inner.path,
        url: outer.url || inner.url,
    }
}

/// True for text that ends in a text encoder or before a reader.
fn is_only_words(location: Location<'_>, purpose: Purpose, flow: &DataFlow<'_>) -> bool {
    if purpose.code || purpose.path || purpose.url || purpose.packages {
        return false;
    }
    match location.origin {
        // Nothing runs there, but it is read by people and assistants.
        Origin::EditorOnly => false,
        Origin::Core if purpose.prose => true,
        _ => {
            (purpose.prose && location.class_facts.encodes)
                || (location.is_in_graph() && flow.reaches_only_words(location.id))
        }
    }
}

/// True for the inputs of packs' own loaders and samplers that become conditioning.
fn is_condition(input: &str) -> bool {
    ["positive", "negative"].iter().any(|start| input.starts_with(start))
}

fn required_confidence(purpose: Purpose) -> Confidence {
    if purpose.prose {
        Confidence::Certain
    } else if (purpose.code && !purpose.chat) || purpose.language || purpose.command {
        Confidence::Possible
    } else {
        Confidence::Likely
    }
}

/// Judges paths and URLs.
fn judge_place(text: Text<'_>, linked: bool, (origin, purpose): (Origin, Purpose), found: &mut Found) {
    let custom = origin == Origin::Custom;
    // Text nodes hand on lists of names, a line each.
    let escapes = || {
        if linked {
            text.lines().find_map(|line| path_url_rules::escapes(Text::new(line)))
        } else {
            path_url_rules::escapes(text)
        }
    };
    let leaves = purpose.path.then(escapes).flatten().or_else(|| {
        let found =
            if purpose.prose { path_url_rules::names_model_outside } else { path_url_rules::clearly_escapes };
        (custom && found(text)).then_some(path_url_rules::LEAVES)
    });
    if let Some(why) = leaves
        && !(purpose.url && text.contains("://"))
    {
        found.push(Fault::new(Flag::PathEscape, why, Some(excerpt::start(&text))));
    }
    if (custom || purpose.path || purpose.url)
        && let Some((flag, why)) = path_url_rules::bad_url(text, purpose.url)
    {
        found.push(Fault::new(flag, why, Some(around_url(&text))));
    }
}

/// Judges URLs that only show when the text is decoded.
fn judge_hidden_place(text: Text<'_>, readings: &[Reading<'_>], found: &mut Found) {
    let is_hidden = readings.iter().any(|reading| reading.decoded);
    if !is_hidden || found.iter().any(|fault| fault.flag == Flag::SsrfUrl) {
        return;
    }
    let mut decoded = readings.iter().filter(|reading| reading.decoded);
    let inside =
        decoded.find_map(|reading| Some((path_url_rules::internal_url(&reading.text)?, &reading.text)));
    if let Some((why, decoded)) = inside {
        let why = format!("{why}, once it is decoded");
        found.push(Fault::new(Flag::SsrfUrl, why, Some(around_url(decoded))));
    } else if !found.iter().any(|fault| fault.flag == Flag::ExternalUrl) {
        for hidden in Runs(&text).flat_map(hidden_in) {
            let bad = path_url_rules::bad_url(Text::new(&hidden), false);
            found.extend(bad.map(|(flag, why)| Fault::new(flag, why, Some(around_url(&hidden)))));
        }
    }
}

fn around_url(text: &str) -> String {
    excerpt::around(text, text.find("://").map_or(0, |at| at + 3))
}

/// Judges credentials, model files, and text for the reader.
fn judge_words(text: Text<'_>, secret: bool, (origin, purpose): (Origin, Purpose), found: &mut Found) {
    let shown = || Some(excerpt::start(&text));
    if is_credential(text, secret, origin == Origin::Custom && !purpose.prose) {
        // The mark comes first, so that redaction has nothing to take from the words after a name such as `token`.
        let why = format!("{REDACTED}, a credential that would be stored in history and in every picture");
        found.push(Fault::new(Flag::SecretInInput, why, None));
    }
    if text.has(kind::DOT) && is_pickle(&text) && !purpose.prose {
        found.push(Fault::new(Flag::PickleModel, "a pickled file can carry code", shown()));
    }
    if prompt_injection::steers_display(text) {
        found.push(Fault::new(Flag::ControlChars, STEERS, shown()));
    }
    let reader =
        if purpose.chat { prompt_injection::Reader::Model } else { prompt_injection::Reader::People };
    if prompt_injection::speaks(text, reader) {
        found.push(Fault::new(Flag::LlmInjection, SPEAKS, shown()));
    }
}

/// Judges a key.
pub(super) fn judge_key(name: &str, origin: Origin) -> Found {
    let mut found = Found::new();
    let name = Text::new(name);
    let confidence = if origin == Origin::Custom { Confidence::Possible } else { Confidence::Certain };
    // The name itself is told by every finding.
    if find_code(name, &readings(name), confidence).is_some() {
        found.push(Fault::new(Flag::CodeInInput, "a name that is code", None));
    }
    if prompt_injection::steers_display(name) || prompt_injection::forges_lines(name) {
        found.push(Fault::new(Flag::ControlChars, STEERS, None));
    }
    if prompt_injection::speaks_to_model(name) {
        found.push(Fault::new(Flag::LlmInjection, SPEAKS, None));
    }
    found
}

/// Joins the texts of a list, or its numbers as characters.
pub(super) fn joined(items: &[Value]) -> Option<String> {
    if items.iter().all(Value::is_string) {
        return Some(items.iter().filter_map(Value::as_str).collect());
    }
    let code = |item: &Value| {
        let number = item.as_u64().or_else(|| item.as_f64()?.to_string().parse().ok())?;
        u8::try_from(number).ok()
    };
    let codes: Option<Vec<u8>> = items.iter().map(code).collect();
    codes.filter(|codes| codes.len() >= 4).and_then(|codes| String::from_utf8(codes).ok())
}

/// True for a command line: a known program, an operator, an option or a path.
fn is_command(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    if programs::is_known(first) {
        return true;
    }
    text.contains(['|', ';', '&', '`', '>', '<', '$', '/'])
        || text.split_whitespace().skip(1).any(|word| word.starts_with('-'))
}

fn is_pickle(text: &str) -> bool {
    let name = text.trim_end();
    name.len() < 512
        && name.contains('.')
        && !name.contains('\n')
        && PICKLES.iter().any(|extension| {
            let end = name.len().checked_sub(extension.len()).filter(|start| *start > 0);
            end.and_then(|start| name.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(extension))
        })
}

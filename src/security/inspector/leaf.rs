//! Judges one text by where it stands: what the input is for, and where its value goes.

use serde_json::Value;

use super::{
    classes::Origin,
    code::{Doubt, is_code},
    credential::{is_credential, is_reference},
    encoded::{Runs, hidden_in},
    finding::Flag,
    flow::{Flow, Use},
    inputs::Purpose,
    place::{Place, Step},
    places,
    text::{Text, kind},
    wording,
};

/// Extensions of files that Python unpickles.
const PICKLES: [&str; 7] = [".ckpt", ".pt", ".pth", ".bin", ".pkl", ".pickle", ".dill"];

/// Programs that a command input may name without any argument.
const COMMANDS: [&str; 28] = [
    "id",
    "whoami",
    "ls",
    "cat",
    "rm",
    "wget",
    "curl",
    "nc",
    "bash",
    "sh",
    "python",
    "python3",
    "pip",
    "git",
    "ssh",
    "ping",
    "reboot",
    "shutdown",
    "kill",
    "env",
    "printenv",
    "uname",
    "ps",
    "netstat",
    "ifconfig",
    "powershell",
    "cmd",
    "calc",
];

/// What is wrong with a value; the reason is `None` where the reference's sentence says it all.
pub(super) type Found = Vec<(Flag, Option<String>)>;

/// What a value in its place is for, where it comes from, and what may become of it.
pub(super) fn usage(step: Step<'_>, place: Place<'_>, flow: &Flow<'_>) -> Use {
    let purpose = of_place(step, place);
    let only_words = is_only_words(place, purpose, flow);
    // Nodes that are not ComfyUI's own may run what they get, unless it only becomes words for a model.
    (purpose, place.origin, place.origin == Origin::Custom && !only_words, only_words)
}

/// A text in its place.
pub(super) fn judge(text: &str, secret: bool, usage: Use) -> Found {
    judge_text(text, Some(secret), usage)
}

/// A text that a link brings from elsewhere in the graph, where it has been looked at for what it is by itself.
pub(super) fn judge_linked(text: &str, usage: Use) -> Found {
    judge_text(text, None, usage)
}

fn judge_text(text: &str, own: Option<bool>, (purpose, origin, may_run, only_words): Use) -> Found {
    let mut found = Found::new();
    if only_words || text.is_empty() {
        return found;
    }
    let text = Text::new(text);
    let reference = own == Some(true) && is_reference(&text);
    if may_run && !reference && runs(text, purpose) {
        found.push((Flag::CodeInInput, None));
    }
    judge_place(text, origin, purpose, &mut found);
    if let Some(secret) = own {
        judge_words(text, secret, (origin, purpose), &mut found);
    }
    found
}

/// Pieces that a node may join.
pub(super) fn judge_joined(text: &str, (purpose, _, may_run, _): Use) -> Found {
    let code = may_run && is_code(Text::new(text), doubt(purpose));
    code.then_some((Flag::CodeInInput, None)).into_iter().collect()
}

/// True for text that would do something if the node ran it as its input's name says.
fn runs(text: Text<'_>, purpose: Purpose) -> bool {
    is_code(text, doubt(purpose))
        || (purpose.command && is_command(&text))
        || (purpose.code && names_host_files(text))
        || ((purpose.url || purpose.path || purpose.code)
            && is_option(&text)
            && !is_arguments(&text, purpose))
}

/// Program arguments that begin with an option, where arguments are asked for.
fn is_arguments(text: &str, purpose: Purpose) -> bool {
    purpose.code && !purpose.url && !purpose.path && !text.contains('=')
}

/// `--upload-pack=…` where a name or an address is asked for.
fn is_option(text: &str) -> bool {
    let rest = text.trim_start().trim_start_matches('-');
    rest.len() < text.trim_start().len() && rest.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// `textfile=/etc/passwd` and the like among a program's arguments.
fn names_host_files(text: Text<'_>) -> bool {
    text.has(kind::SLASH)
        && text
            .split(|c: char| c.is_whitespace() || matches!(c, '=' | ',' | '\'' | '"' | ':'))
            .any(|word| word.len() > 2 && word.contains('/') && places::clearly_escapes(Text::new(word)))
}

/// The purpose of the innermost name, joined with that of the input it lies in.
fn of_place(step: Step<'_>, place: Place<'_>) -> Purpose {
    let outer = step.outer().purpose(place.said.loads, place.said.origin);
    if matches!(step, Step::Root(..)) {
        return outer;
    }
    let inner = step.inner().purpose(place.said.loads, place.said.origin);
    Purpose {
        prose: inner.prose && !outer.code,
        code: outer.code || inner.code,
        command: outer.command || inner.command,
        path: outer.path || inner.path,
        url: outer.url || inner.url,
    }
}

/// True for text that ends in a text encoder or before a reader.
fn is_only_words(place: Place<'_>, purpose: Purpose, flow: &Flow<'_>) -> bool {
    if purpose.code || purpose.path || purpose.url {
        return false;
    }
    match place.origin {
        // Nothing runs there, but it is read by people and assistants.
        Origin::EditorOnly => false,
        Origin::Core if purpose.prose => true,
        _ => (purpose.prose && place.said.encodes) || flow.reaches_only_words(place.id),
    }
}

fn doubt(purpose: Purpose) -> Doubt {
    if purpose.prose { Doubt::ProseUnlessCertain } else { Doubt::CodeIfLikely }
}

/// Paths and URLs.
fn judge_place(text: Text<'_>, origin: Origin, purpose: Purpose, found: &mut Found) {
    let custom = origin == Origin::Custom;
    let leaves = (purpose.path && places::escapes(text))
        || (custom && !purpose.prose && places::clearly_escapes(text));
    if leaves && !(purpose.url && text.contains("://")) {
        found.push((Flag::PathEscape, Some("the path leaves ComfyUI's folders".into())));
    }
    if (custom || purpose.path || purpose.url)
        && let Some((flag, why)) = places::bad_url(text, purpose.url)
    {
        found.push((flag, Some(why)));
    } else if custom {
        let hidden = Runs(&text).flat_map(hidden_in);
        found.extend(
            hidden
                .filter_map(|text| places::bad_url(Text::new(&text), false))
                .map(|(flag, why)| (flag, Some(why))),
        );
    }
}

/// Credentials, model files, and wording.
fn judge_words(text: Text<'_>, secret: bool, (origin, purpose): (Origin, Purpose), found: &mut Found) {
    if is_credential(text, secret, origin == Origin::Custom && !purpose.prose) {
        found.push((
            Flag::SecretInInput,
            Some("a credential; it would be stored in history and in every picture".into()),
        ));
    }
    if text.has(kind::DOT) && is_pickle(&text) && !purpose.prose {
        found.push((Flag::PickleModel, Some("a pickled file can carry code".into())));
    }
    if wording::steers_display(text) {
        found.push((Flag::ControlChars, Some("characters that steer the display".into())));
    }
    if wording::speaks_to_model(text) {
        found.push((Flag::LlmInjection, Some("text addressed to the assistant".into())));
    }
}

/// What is wrong with a key.
pub(super) fn judge_key(name: &str, origin: Origin) -> Vec<(Flag, Option<&'static str>)> {
    let mut found = Vec::new();
    let name = Text::new(name);
    let doubt = if origin == Origin::Custom { Doubt::CodeIfLikely } else { Doubt::ProseUnlessCertain };
    if is_code(name, doubt) {
        found.push((Flag::CodeInInput, None));
    }
    if wording::steers_display(name) {
        found.push((Flag::ControlChars, Some("characters that steer the display")));
    }
    if wording::speaks_to_model(name) {
        found.push((Flag::LlmInjection, Some("text addressed to the assistant")));
    }
    found
}

/// The texts of a list put together, or its numbers as characters.
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

/// A command line in an input that is run by a shell: anything with an operator, an option or a path.
fn is_command(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    if COMMANDS.contains(&first.trim_end_matches(".exe")) {
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

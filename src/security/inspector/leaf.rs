//! Judges one text by where it stands: what the input is for, and where its value goes.

use serde_json::Value;

use super::{
    classes::Origin,
    code::{Doubt, is_code},
    finding::Flag,
    flow::Flow,
    inputs::Purpose,
    place::{Place, Step},
    places, wording,
};
use crate::security::redact;

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

/// What is judged.
#[derive(Clone, Copy)]
pub(super) enum Leaf<'v> {
    /// A text in its place.
    Text(&'v str),
    /// A text that a link brings from elsewhere in the graph.
    Linked(&'v str),
    /// A list, whose texts or character codes a node may join.
    List(&'v [Value]),
}

/// What is wrong with a value; the reason is `None` where the reference's sentence says it all.
pub(super) fn judge(
    leaf: Leaf<'_>,
    step: Step<'_>,
    place: Place<'_>,
    flow: &Flow<'_>,
) -> Vec<(Flag, Option<String>)> {
    let purpose = of_place(step, place, flow);
    let mut found = Vec::new();
    match leaf {
        Leaf::List(items) => {
            if let Some(joined) = joined(items)
                && may_run(place, purpose, flow)
                && is_code(&joined, doubt(purpose))
            {
                found.push((Flag::CodeInInput, None));
            }
        }
        Leaf::Text(text) | Leaf::Linked(text) => {
            let own = matches!(leaf, Leaf::Text(_));
            if may_run(place, purpose, flow) && runs(text, purpose) {
                found.push((Flag::CodeInInput, None));
            }
            if !is_only_words(place, purpose, flow) {
                let secret = own && flow.name(step.name()).secret;
                judge_words(text, own, secret, place, purpose, &mut found);
            }
        }
    }
    found
}

/// True for text that would do something if the node ran it as its input's name says.
fn runs(text: &str, purpose: Purpose) -> bool {
    is_code(text, doubt(purpose))
        || (purpose.command && is_command(text))
        || (purpose.code && names_host_files(text))
        || ((purpose.url || purpose.path || purpose.code) && is_option(text) && !is_arguments(text, purpose))
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
fn names_host_files(text: &str) -> bool {
    text.contains('/')
        && text
            .split(|c: char| c.is_whitespace() || matches!(c, '=' | ',' | '\'' | '"' | ':'))
            .any(|word| word.len() > 2 && word.contains('/') && places::clearly_escapes(word))
}

/// The purpose of the innermost name, joined with that of the input it lies in.
fn of_place(step: Step<'_>, place: Place<'_>, flow: &Flow<'_>) -> Purpose {
    let outer = flow.purpose(place.said, step.input());
    if matches!(step, Step::Root(_)) {
        return outer;
    }
    let inner = flow.purpose(place.said, step.name());
    Purpose {
        prose: inner.prose && !outer.code,
        code: outer.code || inner.code,
        command: outer.command || inner.command,
        path: outer.path || inner.path,
        url: outer.url || inner.url,
    }
}

/// True where text could be run: in nodes that are not ComfyUI's own, unless it only becomes words for a model.
fn may_run(place: Place<'_>, purpose: Purpose, flow: &Flow<'_>) -> bool {
    place.origin == Origin::Custom && !is_only_words(place, purpose, flow)
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

/// Paths, URLs, credentials, model files, and wording.
fn judge_words(
    text: &str,
    own: bool,
    secret: bool,
    place: Place<'_>,
    purpose: Purpose,
    found: &mut Vec<(Flag, Option<String>)>,
) {
    let custom = place.origin == Origin::Custom;
    let leaves = (purpose.path && places::escapes(text))
        || (custom && !purpose.prose && places::clearly_escapes(text));
    if leaves && !(purpose.url && text.contains("://")) {
        found.push((Flag::PathEscape, Some("the path leaves ComfyUI's folders".into())));
    }
    if (custom || purpose.path || purpose.url)
        && let Some((flag, why)) = places::bad_url(text, purpose.url)
    {
        found.push((flag, Some(why)));
    }
    if !own {
        return;
    }
    if redact::has_credential(text) || (secret && is_credential_value(text)) {
        found.push((
            Flag::SecretInInput,
            Some("a credential; it would be stored in history and in every picture".into()),
        ));
    }
    if is_pickle(text) && !purpose.prose {
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
fn joined(items: &[Value]) -> Option<String> {
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

/// Long enough, in one piece, and not a placeholder.
fn is_credential_value(text: &str) -> bool {
    text.len() >= 6 && !text.contains(char::is_whitespace) && !text.starts_with(['$', '{', '<', '%'])
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

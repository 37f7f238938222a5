//! Tells the purpose of an input by its name.

use super::{classes::Origin, word_list::WordList, workload::Amount};
use crate::redact::{is_secret_key, words};

static PROSE: WordList = WordList::new(include_str!("lists/inputs/prose.txt"));
static CODE: WordList = WordList::new(include_str!("lists/inputs/code.txt"));
/// Inputs whose text is written in a programming language or in none.
static LANGUAGE: WordList = WordList::new(include_str!("lists/inputs/language.txt"));
/// Inputs that instruct another model or hold a part of its chat format.
static CHAT: WordList = WordList::new(include_str!("lists/inputs/chat.txt"));
static COMMAND: WordList = WordList::new(include_str!("lists/inputs/command.txt"));
/// Inputs that are handed to a program.
static ARGUMENTS: WordList = WordList::new(include_str!("lists/inputs/arguments.txt"));
/// Inputs that name packages to install. Installing a package runs it.
static PACKAGES: WordList = WordList::new(include_str!("lists/inputs/packages.txt"));
static PATH: WordList = WordList::new(include_str!("lists/inputs/path.txt"));
static MEDIA: WordList = WordList::new(include_str!("lists/inputs/media.txt"));
static URL: WordList = WordList::new(include_str!("lists/inputs/url.txt"));

/// Inputs that take objects, which only other nodes make.
static OBJECTS: WordList = WordList::new(include_str!("lists/inputs/objects.txt"));

/// The purpose of an input. Several may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Purpose {
    /// Words for a model or a reader.
    pub(super) prose: bool,
    /// Something that may be run.
    pub(super) code: bool,
    /// Something that may be run by a shell.
    pub(super) command: bool,
    /// A program's text, or a formula.
    pub(super) language: bool,
    /// Arguments of a program.
    pub(super) arguments: bool,
    /// Packages to install.
    pub(super) packages: bool,
    /// Instructions for another model.
    pub(super) chat: bool,
    /// A place in the file system.
    pub(super) path: bool,
    /// A place on the network.
    pub(super) url: bool,
}

/// The facts that the name of an input tells by itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameFacts {
    prose: bool,
    code: bool,
    command: bool,
    language: bool,
    arguments: bool,
    packages: bool,
    chat: bool,
    path: bool,
    media: bool,
    url: bool,
    /// Its value is a secret.
    pub(super) secret: bool,
    /// Letters, digits and underscores only.
    pub(super) plain: bool,
    /// A model, a picture or another object that no text can stand for.
    pub(super) carries_objects: bool,
    /// The meaning of a number under it.
    pub(super) amount: Amount,
}

impl NameFacts {
    /// Reads a name.
    pub(super) fn read(name: &str) -> Self {
        let words = words(name);
        let any = |list: &WordList| {
            words.iter().any(|word| list.contains(word.trim_end_matches(|c: char| c.is_ascii_digit())))
        };
        let (prose, code, command) = (any(&PROSE), any(&CODE), any(&COMMAND));
        let (language, chat) = (any(&LANGUAGE), any(&CHAT));
        let is_index = || words.windows(2).any(|pair| pair == ["index", "url"]);
        let (arguments, packages) = (any(&ARGUMENTS), any(&PACKAGES) || is_index());
        let (path, media, url) = (any(&PATH), any(&MEDIA), any(&URL));
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let amount = Amount::read(&words);
        let last = words.last().map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()));
        // What a `callback_model` gets may well be run.
        let carries_objects =
            !(code || command || language || url) && last.is_some_and(|last| OBJECTS.contains(last));
        Self {
            prose,
            code,
            command,
            language,
            arguments,
            packages,
            chat,
            path,
            media,
            url,
            secret: is_secret_key(name),
            plain,
            carries_objects,
            amount,
        }
    }

    /// Adds that the input takes the name of a file.
    pub(super) fn of_file(self) -> Self {
        Self { path: true, ..self }
    }

    /// Drops paths and amounts, for a class that only works on text: its `prefix` is no path, its `length` no film.
    pub(super) fn of_text(self) -> Self {
        Self { path: false, media: false, amount: Amount::default(), ..self }
    }

    /// Tells the purpose of an input of this name, in a class of this origin that `loads` files or not.
    pub(super) fn purpose(&self, loads: bool, origin: Origin) -> Purpose {
        let path = self.path || (self.media && loads);
        Purpose {
            prose: self.prose && !self.code && !path,
            code: self.code,
            command: self.command,
            language: self.language && !path,
            arguments: self.arguments,
            packages: self.packages,
            chat: self.chat,
            path,
            // Core nodes talk to nobody; a `server` there is a word like any other.
            url: self.url && origin != Origin::Core,
        }
    }
}

/// True for classes that read a file named in an input.
pub(super) fn loads(class: &str) -> bool {
    let lower = class.to_ascii_lowercase();
    ["load", "open", "import", "read", "webcam", "recordaudio"].iter().any(|word| lower.contains(word))
}

/// True for classes that read pictures, films or latents from a file.
pub(super) fn loads_pictures(class: &str) -> bool {
    let lower = class.to_ascii_lowercase();
    loads(class)
        && !lower.contains("model")
        && ["image", "video", "mask", "latent", "picture"].iter().any(|word| lower.contains(word))
}

/// True for classes that turn words into conditioning and do nothing else with them.
pub(super) fn encodes_text(class: &str) -> bool {
    let lower = class.to_ascii_lowercase();
    let encodes = lower.contains("encode") || lower.contains("conditioning");
    (encodes && ["clip", "text", "prompt", "wildcard", "t5"].iter().any(|word| lower.contains(word)))
        || lower.contains("detailer")
        || words(class).iter().any(|word| word == "tts")
}

/// True for classes that show a value to people.
pub(super) fn shows_text(class: &str) -> bool {
    let lower = class.to_ascii_lowercase();
    ["show", "preview", "display"].iter().any(|word| lower.contains(word))
}

//! Finds code of other languages than Python and JavaScript, and names of programs.

use comfywarden_pattern::patterns;

use super::{
    text::{Text, kind},
    word_list::WordList,
};

/// Code where code is meant, in lower case and without blanks around dots and opening brackets.
pub(super) static OTHER_LANGUAGES: WordList =
    WordList::new(include_str!("lists/patterns/other_languages.txt"));

/// Programs that a command input may name without any argument.
static COMMANDS: WordList = WordList::new(include_str!("lists/programs/commands.txt"));

/// Programs that a command input may name without any argument, and that are no words of a description.
static PROGRAMS: WordList = WordList::new(include_str!("lists/programs/programs.txt"));

/// True for a program that nobody names by chance.
fn is_program(word: &str) -> bool {
    PROGRAMS.contains(word)
}

/// True for a program that is known by its name, however it is spelled and wherever it lies.
pub(super) fn is_known(word: &str) -> bool {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word).to_ascii_lowercase();
    let name = name.trim_end_matches(".exe");
    COMMANDS.contains(name) || is_program(name)
}

patterns! {
    /// An extension, an operator of a shell, a word, and how its arguments begin.
    static FOLLOWED: Pattern = r#"(?i)\.[a-z0-9]{1,5}['"]?[ \t]*(?:&{1,2}|\|{1,2}|;)[ \t]*([a-z][a-z0-9_.-]*)[ \t]+(-{1,2}[a-z]{1,3}(?:[ \t]|$)|--[a-z]|/[a-z?](?:[ \t]|$)|/[a-z]+/|[~$%*<>]|[^ \t\n]*@)?"#;
    /// An option through which a program starts another one.
    static STARTS: Pattern = starting_options();
    /// The header of a library in C, as no shader has it.
    static INCLUDE: Pattern = r"(?m)^[ \t]*#[ \t]*include[ \t]*<(?:[\w./+-]+\.h(?:pp|h)?|iostream|fstream|cstdlib|cstdio|cstring|string|vector|thread|filesystem|memory|map)>";
}
/// The most bytes of a file's name.
const MAX_NAME: usize = 4_096;

/// True for a file's name that a command follows, or one that is a command's output to some programs.
pub(super) fn runs_as_name(text: &str) -> bool {
    if text.trim_start().starts_with('|') {
        return true;
    }
    if text.len() > MAX_NAME || !text.contains(['&', '|', ';']) {
        return false;
    }
    FOLLOWED.get().is_none_or(|followed| {
        followed.captures_iter(text).any(|found| {
            let word = found.get(1).map_or("", |word| word.as_str());
            found.get(2).is_some() || is_program(&word.to_ascii_lowercase())
        })
    })
}

/// True for a file's name with a command behind it that ends where the next operator begins, or whose output goes to
/// an absolute path. Each operator is looked at once.
pub(super) fn runs_behind_name(text: Text<'_>) -> bool {
    if !text.has(kind::DOT) || text.len() > MAX_NAME {
        return false;
    }
    let mut behind_name = false;
    text.bytes().enumerate().filter(|(_, byte)| is_operator(*byte)).any(|(at, operator)| {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + 1..).unwrap_or_default();
        behind_name = behind_name || ends_in_extension(before);
        behind_name
            && match operator {
                b'>' => !before.ends_with(['-', '=', '<']) && leads_outside(after),
                b'<' => false,
                _ => begins_command(after),
            }
    })
}

/// True for a byte that ends one word of a shell's line and begins another.
fn is_operator(byte: u8) -> bool {
    matches!(byte, b';' | b'|' | b'&' | b'\n' | b'`' | b'>' | b'<')
}

/// The longest extension.
const MAX_EXTENSION: usize = 5;

/// True for `a.png`, also before the `2` in `2>`.
fn ends_in_extension(text: &str) -> bool {
    let named = |text: &str| {
        let text = text.trim_end().trim_end_matches(['\'', '"']);
        let length = text.bytes().rev().take_while(u8::is_ascii_alphanumeric).take(MAX_EXTENSION + 1).count();
        let (name, extension) = text.split_at_checked(text.len() - length).unwrap_or_default();
        let is_extension =
            (1..=MAX_EXTENSION).contains(&length) && extension.bytes().any(|byte| byte.is_ascii_alphabetic());
        is_extension
            && name.strip_suffix('.').is_some_and(|name| name.ends_with(|c: char| !c.is_whitespace()))
    };
    named(text) || text.strip_suffix(|c: char| c.is_ascii_digit()).is_some_and(named)
}

/// True for the path of a redirection that lies outside of every folder that the name may be in.
fn leads_outside(after: &str) -> bool {
    let path = after.trim_start_matches(['>', '|', '&', ' ', '\t', '\'', '"']).as_bytes();
    match path {
        [b'/' | b'~', rest @ ..] => rest.first().is_some_and(|first| !first.is_ascii_whitespace()),
        [drive, b':', b'/' | b'\\', ..] => drive.is_ascii_alphabetic(),
        _ => false,
    }
}

/// True when a known program comes first, and nothing or what only a command has behind it.
fn begins_command(after: &str) -> bool {
    let after = after.trim_start_matches([' ', '\t', '\'', '"', '(']);
    let end = after
        .bytes()
        .position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'_' | b'-' | b'/' | b'\\'));
    let (word, rest) = after.split_at_checked(end.unwrap_or(after.len())).unwrap_or_default();
    let arguments = rest.trim_start_matches([' ', '\t']);
    let ends = arguments.bytes().next().is_none_or(|byte| is_operator(byte) || byte == b')');
    let has_arguments = arguments.len() < rest.len() && arguments.starts_with(['-', '/', '~', '$', '*', '%']);
    (ends || has_arguments) && is_known(word)
}

/// The options as one pattern.
fn starting_options() -> String {
    let long = [
        r"(?:pre-|post-)?exec(?:ute)?(?:-batch|-cmd|-command|-before-download)?",
        r"(?:[a-z]+-)*(?:command|rsh)",
        r"(?:upload|receive)-pack",
        r"(?:use-)?compress-program",
        r"checkpoint-action",
        r"(?:info|new-volume)-script",
        r"on-(?:bt-)?download-[a-z]+",
        r"rsync-path",
    ]
    .join("|");
    let ssh = r"-o[ \t]*['\x22]?(?:proxy|local|knownhosts)command";
    format!(r#"(?i)(?:^|[\s'"`,\[(=])(?:-(?:exec|ok)(?:dir)?|--(?:{long})|{ssh})(?:$|[\s='"`,\])])"#)
}

/// True for arguments that make a program start another one.
pub(super) fn starts_another(arguments: &str) -> bool {
    arguments.contains('-') && STARTS.is_match(arguments)
}

/// True for several lines of which one names a library in C. Readings are without it: there, it is a comment.
pub(super) fn includes_library(text: Text<'_>) -> bool {
    text.has(kind::BREAK) && text.has(kind::HASH) && text.has(kind::OPENING) && INCLUDE.is_match(&text)
}

/// The shortest text that a program in brackets may be.
const SHORTEST_BRACKETS: usize = 21;

/// True for JavaScript that is spelled with brackets and signs alone.
pub(super) fn is_brackets(text: &str) -> bool {
    text.len() >= SHORTEST_BRACKETS
        && text.bytes().all(|byte| {
            matches!(byte, b'[' | b']' | b'(' | b')' | b'!' | b'+' | b' ' | b'\t' | b'\r' | b'\n')
        })
        && text.bytes().filter(|byte| !byte.is_ascii_whitespace()).count() >= SHORTEST_BRACKETS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_behind_names_are_told_from_lists_of_names() {
        for name in
            ["|id", "a.png & del /s x", "b.mp4; mail me@x.example", "c.wav && tool --go", "'d.gif' | x ~"]
        {
            assert!(runs_as_name(name), "{name}");
        }
        for name in [
            "cats & dogs.png",
            "a.png; my dog.png",
            "a.png & the -- end.png",
            "R&B (x).mp3",
            "a.png|b.png",
            "one.png; two.png; three (2).jpg",
        ] {
            assert!(!runs_as_name(name), "{name}");
        }
    }

    #[test]
    fn commands_end_where_the_next_operator_begins() {
        let runs = |name: &str| runs_behind_name(Text::new(name));
        for name in [
            "dog.webp;whoami|x",
            "R&B.mp3&id&",
            "a.png 2>/srv/x",
            "'a.gif'>>~/x",
            "a.png | /usr/bin/env>x",
            "a.tif>C:/x",
            "a.png&(ls)",
        ] {
            assert!(runs(name), "{name}");
        }
        for name in [
            "a.png|b.png|cat.png",
            "in.png -> /out",
            "cat & dog.png",
            "https://host.example/a.png?x=1&id=3",
            "<b>a.png</b> / c",
            "v1.5; 2 > 1",
            "x.min >= y.max",
        ] {
            assert!(!runs(name), "{name}");
        }
    }

    #[test]
    fn options_start_programs_only_by_their_whole_name() {
        for arguments in [
            ". -name x -okdir mv {} y ;",
            "[\"-exec\", \"id\"]",
            "--to-command=id",
            "--rsh 'ssh -p 2'",
            "-o ProxyCommand=id",
        ] {
            assert!(starts_another(arguments), "{arguments}");
        }
        for arguments in
            ["--execution-provider cuda", "-okay", "not-ok", "--commands-off", "-crf 19 -preset slow"]
        {
            assert!(!starts_another(arguments), "{arguments}");
        }
    }

    #[test]
    fn brackets_alone_are_a_program_when_there_are_many() {
        assert!(is_brackets("[][(![]+[])[+[]]]+(!![])"));
        assert!(
            !is_brackets("[](!+[])")
                && !is_brackets("((((((((((a))))))))))))")
                && !is_brackets(&" ".repeat(30))
        );
    }
}

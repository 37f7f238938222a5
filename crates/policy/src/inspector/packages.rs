//! Finds lists of packages that are more than names. Installing a package runs what its author wrote.

use comfywarden_pattern::patterns;

use super::{programs, word_list::WordList};

/// Sources other than the index, and options for the installer.
static ELSEWHERE: WordList = WordList::new(include_str!("lists/patterns/package_sources.txt"));
/// A page or a file in place of a name.
const ADDRESS: &str = r#"(?:^|[\n,\['"])\s*['"]?(?:https?|ftp|ssh|git)://"#;

patterns! {
    static SOURCE: Pattern = format!("(?i){}", sources());
    static SOURCE_OR_ADDRESS: Pattern = format!("(?i){}|{ADDRESS}", sources());
}

fn sources() -> String {
    ELSEWHERE.entries().collect::<Vec<_>>().join("|")
}

/// True for a list of packages that installs from elsewhere, or runs something besides. Where an address is asked
/// for, one is nothing by itself.
pub(super) fn installs(text: &str, asks_address: bool) -> bool {
    let patterns = if asks_address { &SOURCE } else { &SOURCE_OR_ADDRESS };
    patterns.is_match(text) || runs_program(text)
}

/// True when a known program stands behind an operator of a shell. Behind `;` it needs an argument, since packages
/// are separated by it too, and markers such as `; python_version < "3"` follow it.
fn runs_program(text: &str) -> bool {
    let mut operator = ' ';
    text.split_inclusive([';', '&', '|']).any(|segment| {
        let before = std::mem::replace(&mut operator, segment.chars().next_back().unwrap_or(' '));
        let mut words =
            segment.trim_end_matches([';', '&', '|']).split_whitespace().skip_while(|word| *word == "sudo");
        let (Some(program), argument) = (words.next(), words.next()) else { return false };
        let is_argument = |word: &str| !word.starts_with(['<', '>', '=', '!', '~']);
        match before {
            '&' | '|' => programs::is_known(program),
            ';' => programs::is_known(program) && argument.is_some_and(is_argument),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_are_told_from_what_runs() {
        for text in [
            "svn+ssh://host.example/x",
            "tool @ https://host.example/tool",
            "a, https://host.example/b",
            "wheels/tool-1.0-py3-none-any.whl",
            "tool -i https://host.example/simple",
            "--extra-index-url=https://host.example",
            "-r",
            "scipy && reboot",
            "scipy; wget host.example/x",
            "scipy\npip install tool",
            "scipy`id`",
        ] {
            assert!(installs(text, false), "{text}");
        }
        for text in [
            "numpy>=1.2, pillow",
            "opencv-python-headless==4.9.0.80\ntorch~=2.1",
            "importlib-metadata>=4; python_version<\"3.9\"",
            "tool[extra]; sys_platform == 'win32' and extra == 'x'",
            "node; git; scipy",
            "- scipy\n- numpy",
            "attn|mlp",
        ] {
            assert!(!installs(text, false), "{text}");
        }
        assert!(!installs("https://host.example/simple", true));
    }
}

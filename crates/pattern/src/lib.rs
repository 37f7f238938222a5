//! Regular expressions that are part of the program: compiled at first use, tested, and never silently absent.
//!
//! [`patterns!`] declares them and adds a test that each compiles, so that a pattern that cannot is found before it
//! ships. At run time such a pattern finds everything: a rule that looks for danger then refuses and lets nothing pass.

use std::{ops::Range, sync::OnceLock};

use regex::{Regex, bytes};

/// Declares [`Pattern`]s and [`BytePattern`]s, and a test in the same module that each of them compiles.
///
/// ```
/// comfywarden_pattern::patterns! {
///     /// Finds a year.
///     pub static YEAR: Pattern = r"\b[0-9]{4}\b";
/// }
/// assert!(YEAR.is_match("in 1999"));
/// ```
#[macro_export]
macro_rules! patterns {
    ($($(#[$meta:meta])* $visibility:vis static $name:ident: $kind:ident = $source:expr;)+) => {
        $(
            $(#[$meta])*
            $visibility static $name: $crate::$kind = $crate::$kind::new(|| ::std::string::String::from($source));
        )+

        #[cfg(test)]
        mod patterns_compile {
            #[test]
            fn every_pattern_of_this_module_compiles() {
                $(assert!(super::$name.compiles(), "{} does not compile", stringify!($name));)+
            }
        }
    };
}

/// A pattern over text.
#[derive(Debug)]
pub struct Pattern {
    source: fn() -> String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Declares a pattern without compiling it; use [`patterns!`], which tests it as well.
    pub const fn new(source: fn() -> String) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    /// Returns the compiled pattern; `None` when it does not compile, and then the caller refuses or shows nothing.
    pub fn get(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&(self.source)()).ok()).as_ref()
    }

    /// True when the pattern can be used.
    pub fn compiles(&self) -> bool {
        self.get().is_some()
    }

    /// True when the text has a match, and for every text when the pattern does not compile.
    pub fn is_match(&self, text: &str) -> bool {
        self.get().is_none_or(|pattern| pattern.is_match(text))
    }

    /// Lists where the matches are: the whole text when the pattern does not compile.
    pub fn ranges<'t>(&self, text: &'t str) -> impl Iterator<Item = Range<usize>> + use<'t, '_> {
        let pattern = self.get();
        let everything = pattern.is_none().then_some(0..text.len());
        let found = pattern.into_iter().flat_map(move |pattern| pattern.find_iter(text));
        everything.into_iter().chain(found.map(|found| found.range()))
    }
}

/// A pattern over bytes with room for hundreds of alternatives; its classes are those of ASCII.
///
/// Unicode word boundaries would leave the fast engine at the first letter beyond ASCII.
#[derive(Debug)]
pub struct BytePattern {
    source: fn() -> String,
    compiled: OnceLock<Option<bytes::Regex>>,
}

impl BytePattern {
    /// The most bytes of the compiled pattern.
    const MAX_SIZE: usize = 64 << 20;
    /// The most bytes that a search remembers.
    const MAX_CACHE: usize = 16 << 20;

    /// Declares a pattern without compiling it; use [`patterns!`], which tests it as well.
    pub const fn new(source: fn() -> String) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    fn get(&self) -> Option<&bytes::Regex> {
        let compile = || {
            bytes::RegexBuilder::new(&(self.source)())
                .unicode(false)
                .size_limit(Self::MAX_SIZE)
                .dfa_size_limit(Self::MAX_CACHE)
                .build()
        };
        self.compiled.get_or_init(|| compile().ok()).as_ref()
    }

    /// True when the pattern can be used.
    pub fn compiles(&self) -> bool {
        self.get().is_some()
    }

    /// Returns where the first match is known to end: at 0 for every text when the pattern does not compile.
    pub fn end_of_match(&self, text: &[u8]) -> Option<usize> {
        self.get().map_or(Some(0), |pattern| pattern.shortest_match(text))
    }
}

/// Joins patterns to one that matches where any of them does.
pub fn any_of<'p>(patterns: impl IntoIterator<Item = &'p str>) -> String {
    patterns.into_iter().map(|pattern| format!("(?:{pattern})")).collect::<Vec<_>>().join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    static BROKEN: Pattern = Pattern::new(|| "(".into());
    static BROKEN_BYTES: BytePattern = BytePattern::new(|| "(".into());

    patterns! {
        static WORD: Pattern = r"[a-z]+";
        static EITHER: BytePattern = any_of(["one", "two"]);
    }

    #[test]
    fn a_pattern_that_does_not_compile_finds_everything() {
        assert!(!BROKEN.compiles() && !BROKEN_BYTES.compiles());
        assert!(BROKEN.is_match("a") && BROKEN.get().is_none());
        assert!(BROKEN.ranges("some text").eq(std::iter::once(0..9)));
        assert_eq!(BROKEN_BYTES.end_of_match(b"a"), Some(0));
    }

    #[test]
    fn a_pattern_that_compiles_finds_its_matches() {
        assert_eq!(WORD.ranges("1 ab 2 c").collect::<Vec<_>>(), [2..4, 7..8]);
        assert!(WORD.is_match("a") && !WORD.is_match("1"));
        assert_eq!(EITHER.end_of_match(b"a two b"), Some(5));
        assert_eq!(EITHER.end_of_match(b"three"), None);
    }
}

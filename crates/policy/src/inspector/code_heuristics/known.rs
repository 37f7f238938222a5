//! Names that tell formulas from programs.

use crate::inspector::word_list::WordList;

/// Roots of calls that only compute.
pub(super) static NUMERIC: WordList = WordList::new(include_str!("../lists/calls/numeric.txt"));
/// Modules between such a root and the name that is called.
pub(super) static WITHIN: WordList = WordList::new(include_str!("../lists/calls/within.txt"));
/// Parts of names that do more than compute.
pub(super) static RISKY: WordList = WordList::new(include_str!("../lists/calls/risky.txt"));
/// Functions after which a bracket multiplies.
pub(super) static FUNCTIONS: WordList = WordList::new(include_str!("../lists/calls/functions.txt"));
/// Functions that make or end programs, as they are spelled.
pub(super) static MAKERS: WordList = WordList::new(include_str!("../lists/calls/makers.txt"));
/// Attributes through which code reaches the code that called it.
pub(super) static FRAMES: WordList = WordList::new(include_str!("../lists/calls/frames.txt"));

/// Methods of texts, lists and numbers.
static HARMLESS: WordList = WordList::new(include_str!("../lists/calls/harmless.txt"));

/// True for methods of texts, lists and numbers.
pub(super) fn is_harmless(name: &[u8]) -> bool {
    HARMLESS.contains_in_any_case(name)
}

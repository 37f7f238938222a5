//! The inspector: what a workflow would do to the host, said before it runs.
//!
//! | module | knows |
//! |---|---|
//! | [`Inspector`] | the entry: inspect, judge |
//! | `walk`, `leaf`, `flow` | every value; what one text means where it stands; where text goes |
//! | `classes`, `names`, `class_name` | what a class is, by list, by the server's data, by its name |
//! | `rewriting` | what text nodes make of patterns and templates |
//! | `said` | what names and classes say, remembered |
//! | `excerpt` | the part of a text that a finding shows |
//! | `text`, `code`, `reading`, `encoded` | code in text, through its disguises |
//! | `shape`, `programs`, `packages` | code that no word betrays; other languages; what gets installed |
//! | `inputs`, `places`, `work`, `wording` | purposes of inputs; paths and URLs; sizes; text for the assistant |
//! | `credential` | values that are credentials, and what only stands for one |
//! | `reckoning` | how much each node makes, for the rate limit |
//! | `drawn` | the editor's format as a graph |
//! | `structure`, `replacements` | what is no workflow; what runs in another class's place |
//! | `verdict` | the table “What a finding does” |

mod class_name;
mod class_rules;
mod classes;
mod code;
mod credential;
mod drawn;
mod encoded;
mod excerpt;
mod finding;
mod flow;
mod inputs;
mod inspect;
mod leaf;
mod names;
mod packages;
mod place;
mod places;
mod programs;
mod question;
mod reading;
mod reckoning;
mod replacements;
mod rewriting;
mod said;
mod shape;
mod structure;
#[cfg(test)]
mod tests;
mod text;
mod verdict;
mod walk;
mod wording;
mod work;

pub(in crate::security) use class_name::is_disguised;
pub(crate) use classes::is_paid;
pub(in crate::security) use classes::{Lists, Origin, is_code_type, is_withheld, origin};
pub use finding::{Finding, Flag, Severity};
pub use inspect::{Inspector, Knowledge};
pub(in crate::security) use names::sounds_dangerous;
pub use verdict::{Asking, Verdict, VettedWorkflow};

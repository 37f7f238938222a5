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

mod class_facts;
mod class_name;
mod class_rules;
mod classes;
mod code;
mod code_heuristics;
mod credential;
mod dataflow;
mod deobfuscate;
mod encoded;
mod excerpt;
mod fault;
mod finding;
mod inputs;
mod inspect;
mod knowledge;
mod location;
mod names;
mod packages;
mod path_url_rules;
mod programs;
mod prompt_injection;
mod question;
mod replacements;
mod rewriting;
mod structure;
#[cfg(test)]
mod tests;
mod text;
mod ui_graph;
mod value_rules;
mod verdict;
mod visitor;
mod word_list;
mod workload;

pub(crate) use class_name::is_disguised;
pub use classes::is_paid;
pub(crate) use classes::{Lists, Origin, is_code_type, is_off_allow_list, origin};
pub use finding::{Finding, Flag, Severity};
pub use inspect::Inspector;
pub use knowledge::Knowledge;
pub(crate) use names::sounds_dangerous;
pub use verdict::{Asking, Verdict, VettedWorkflow};

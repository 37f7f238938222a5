//! The inspector: finds what a workflow would do to the host before it runs.
//!
//! | module | owns |
//! |---|---|
//! | [`Inspector`] | the entry: inspect, judge |
//! | `visitor`, `value_rules`, `dataflow` | every value; the faults of one text; text followed over links |
//! | `location`, `fault`, `finding` | where a value is; what is wrong with it; how that is reported |
//! | `classes`, `names`, `class_name` | a class by list, by the server's data, by its name |
//! | `class_facts`, `knowledge` | facts about names and classes, remembered; what the server tells |
//! | `text`, `code`, `deobfuscate`, `encoded` | code in text, through its disguises |
//! | `code_heuristics`, `programs`, `packages` | code by its form; other languages; lists of packages |
//! | `inputs`, `path_url_rules`, `prompt_injection` | purposes of inputs; paths and URLs; text for the assistant |
//! | `credential`, `excerpt` | credentials and their placeholders; the part of a text that a finding shows |
//! | `workload` | the work that nodes ask for: what is too much, and what the rate limit counts |
//! | `rewriting` | text nodes that apply patterns and templates |
//! | `ui_graph` | the editor's format as a graph |
//! | `structure`, `replacements` | values that are no workflow; classes that run in place of others |
//! | `word_list` | the words and patterns in the files under `lists/` |
//! | `verdict`, `question` | the table “What a finding does”; the question to the user |

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
mod stored;
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
pub use stored::{Approval, StoredWorkflow};
pub use verdict::{Asking, Verdict, VettedWorkflow};

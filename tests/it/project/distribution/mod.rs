//! Things that people install and read: the plugin, its hook, the documents, and that they all agree with the program.

mod documents;
mod hook;
mod links;
mod names;
mod plugin;
mod texts;
mod versions;

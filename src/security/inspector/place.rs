//! Where a value stands: in which node, on which way.

use super::{classes::Origin, flow::Class};

/// The way to a value, built only when something is found there.
#[derive(Clone, Copy)]
pub(super) enum Step<'p> {
    Root(&'p str),
    Key(&'p Step<'p>, &'p str),
    Index(&'p Step<'p>, usize),
}

impl Step<'_> {
    pub(super) fn path(&self) -> String {
        match self {
            Self::Root(name) => (*name).to_owned(),
            Self::Key(before, name) => format!("{}.{name}", before.path()),
            Self::Index(before, at) => format!("{}[{at}]", before.path()),
        }
    }

    /// The innermost name, which says what a value is for.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Root(name) | Self::Key(_, name) => name,
            Self::Index(before, _) => before.name(),
        }
    }

    /// The name of the input itself.
    pub(super) fn input(&self) -> &str {
        match self {
            Self::Root(name) => name,
            Self::Key(before, _) | Self::Index(before, _) => before.input(),
        }
    }
}

/// One node on the way.
#[derive(Clone, Copy)]
pub(super) struct Place<'n> {
    pub(super) id: &'n str,
    pub(super) class: &'n str,
    pub(super) origin: Origin,
    pub(super) said: Class,
    pub(super) graphs: usize,
}

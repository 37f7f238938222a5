//! Where a value stands: in which node, on which way.

use super::{classes::Origin, inputs::Name, said::Class};

/// The way to a value, built only when something is found there.
#[derive(Clone, Copy)]
pub(super) enum Step<'p> {
    Root(&'p str, Name),
    Key(&'p Step<'p>, &'p str, Name),
    Index(&'p Step<'p>, usize),
}

impl Step<'_> {
    pub(super) fn path(&self) -> String {
        match self {
            Self::Root(name, _) => (*name).to_owned(),
            Self::Key(before, name, _) => format!("{}.{name}", before.path()),
            Self::Index(before, at) => format!("{}[{at}]", before.path()),
        }
    }

    /// The innermost name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Root(name, _) | Self::Key(_, name, _) => name,
            Self::Index(before, _) => before.name(),
        }
    }

    /// The name of the input itself.
    pub(super) fn input(&self) -> &str {
        match self {
            Self::Root(name, _) => name,
            Self::Key(before, ..) | Self::Index(before, _) => before.input(),
        }
    }

    /// What the innermost name says, and with it what a value is for.
    pub(super) fn inner(&self) -> &Name {
        match self {
            Self::Root(_, name) | Self::Key(_, _, name) => name,
            Self::Index(before, _) => before.inner(),
        }
    }

    /// What the name of the input itself says.
    pub(super) fn outer(&self) -> &Name {
        match self {
            Self::Root(_, name) => name,
            Self::Key(before, ..) | Self::Index(before, _) => before.outer(),
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

//! Pictures and other files: looked at, uploaded, masked.

mod catalogue;
mod drawn;
mod mask;
mod show;
mod upload;

pub(super) use catalogue::tools;

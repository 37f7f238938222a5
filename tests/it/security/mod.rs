//! Rules that hold for every caller: consent, secrets, hostile input, callers apart from each other.

mod audit;
mod consent;
mod forgeries;
mod hostile;
mod limits;
mod named_files;
mod paid;
mod properties;
mod secret_surfaces;
mod secrets;
mod sharing;
mod two_callers;
mod web;

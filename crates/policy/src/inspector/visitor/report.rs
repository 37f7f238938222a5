//! Findings of a visit: worded, counted, and each kept once.

use super::Visitor;
use crate::inspector::{
    fault::Found,
    finding::{Finding, Flag, Severity, short},
    location::{Location, ValuePath},
};

/// The most findings of one severity; more say nothing new, and many small ones must not hide a large one.
const MAX_FINDINGS: usize = 500;

impl Visitor<'_> {
    pub(super) fn found(&mut self, found: &Found, path: ValuePath<'_>, location: Location<'_>) {
        for fault in found {
            self.suspicious(location, fault.flag, &path.dotted(), &fault.why, fault.excerpt.as_deref());
        }
    }

    /// Reports a finding; hooks search for the first words of its sentence.
    pub(super) fn suspicious(
        &mut self,
        location: Location<'_>,
        flag: Flag,
        field: &str,
        why: &str,
        excerpt: Option<&str>,
    ) {
        if self.is_full(flag.severity()) {
            return;
        }
        let (id, class, field) = (location.name(), short(location.class), short(field));
        let message = format!("Suspicious input in node {id} ({class}), field '{field}': {why}");
        let finding = Finding::new(flag, message).quoting(excerpt.map(str::to_owned));
        self.add(finding, location, &field);
    }

    pub(in crate::inspector) fn push(
        &mut self,
        location: Location<'_>,
        flag: Flag,
        input: &str,
        message: String,
    ) {
        if !self.is_full(flag.severity()) {
            self.add(Finding::new(flag, message), location, input);
        }
    }

    fn add(&mut self, finding: Finding, location: Location<'_>, input: &str) {
        let finding = finding.node(&location.name(), location.class).at(location.way());
        let finding = if input.is_empty() { finding } else { finding.input(input) };
        if !self.findings.contains(&finding) {
            if let Some(count) = self.counts.get_mut(finding.severity as usize) {
                *count += 1;
            }
            self.findings.push(finding);
        }
    }

    fn is_full(&self, severity: Severity) -> bool {
        self.counts.get(severity as usize).is_none_or(|count| *count >= MAX_FINDINGS)
    }
}

//! Findings of a visit: worded, counted, and each kept once.

use std::collections::HashSet;

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

    /// Reports the faults of a text that came over a link: one finding for each text, however far it travels.
    pub(super) fn found_over_link(&mut self, found: &Found, path: ValuePath<'_>, location: Location<'_>) {
        for fault in found {
            let same = |index: &usize| {
                self.findings
                    .get(*index)
                    .is_some_and(|known| known.flag == fault.flag && known.excerpt == fault.excerpt)
            };
            if fault.excerpt.is_some() && self.over_links.iter().any(same) {
                continue;
            }
            let before = self.findings.len();
            self.suspicious(location, fault.flag, &path.dotted(), &fault.why, fault.excerpt.as_deref());
            self.over_links.extend(before..self.findings.len());
        }
    }

    /// Reports too much work: refused where the number is known to mean it, else a warning.
    pub(super) fn excessive(&mut self, location: Location<'_>, field: &str, why: &str, is_known: bool) {
        let before = self.findings.len();
        self.suspicious(location, Flag::ResourceAbuse, field, why, None);
        if !is_known && let Some(finding) = self.findings.get_mut(before) {
            finding.severity = Severity::Warning;
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

/// Leaves out what says nothing new: text over a link that was found where it is written, and all files that can carry
/// code but the first, which tells their number.
pub(super) fn without_repetition(findings: Vec<Finding>, over_links: &HashSet<usize>) -> Vec<Finding> {
    let written: HashSet<(Flag, Option<String>)> = findings
        .iter()
        .enumerate()
        .filter(|(index, _)| !over_links.contains(index))
        .map(|(_, finding)| (finding.flag, finding.excerpt.clone()))
        .collect();
    let is_new = |index: &usize, finding: &Finding| {
        !over_links.contains(index)
            || finding.excerpt.is_none()
            || !written.contains(&(finding.flag, finding.excerpt.clone()))
    };
    let all = findings.into_iter().enumerate().filter(|(index, finding)| is_new(index, finding));
    let (pickles, mut kept): (Vec<Finding>, Vec<Finding>) =
        all.map(|(_, finding)| finding).partition(|finding| finding.flag == Flag::PickleModel);
    let more = pickles.len().saturating_sub(1);
    if let Some(mut first) = pickles.into_iter().next() {
        if more > 0 {
            first.message = format!("{}, and so can {more} more in this workflow", first.message);
        }
        kept.push(first);
    }
    kept
}

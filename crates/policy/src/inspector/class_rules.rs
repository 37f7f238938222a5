//! Findings about a node because of its class.

use super::{
    class_name,
    classes::{self, Origin},
    finding::{Flag, short},
    location::Location,
    replacements,
    visitor::Visitor,
};

impl Visitor<'_> {
    /// Reports the rules that the class itself breaks.
    pub(super) fn class(&mut self, location: Location<'_>) {
        if location.class_facts.plain {
            return;
        }
        let (lists, info) = (self.facts.lists, self.facts.knowledge.object_info);
        let shown = short(location.class);
        if class_name::is_disguised(location.class) {
            self.push(location, Flag::SuspiciousClassName, "", format!("Suspicious class name: {shown}"));
        }
        if lists.is_dangerous(location.class, info) {
            self.push(location, Flag::DangerousNode, "", format!("Dangerous node type: {shown}"));
        }
        if classes::is_paid(location.class, info) {
            self.push(
                location,
                Flag::CloudApiNode,
                "",
                format!("Dangerous node type: {shown} (it calls a paid service)"),
            );
        }
        if self.facts.enforce
            && location.origin != Origin::EditorOnly
            && !lists.is_allowed(location.class, info)
            && !location.class.is_empty()
        {
            self.push(
                location,
                Flag::ClassNotAllowed,
                "",
                format!("Node type '{shown}' is not on the allow-list"),
            );
        }
        self.replaced(location, &shown);
    }

    fn replaced(&mut self, location: Location<'_>, shown: &str) {
        let Some(answer) =
            self.facts.knowledge.replacements.filter(|answer| replacements::replaces(location.class, answer))
        else {
            return;
        };
        let (lists, info) = (self.facts.lists, self.facts.knowledge.object_info);
        let targets = replacements::targets(location.class, answer);
        let names = targets.iter().take(5).map(|target| short(target)).collect::<Vec<_>>().join(", ");
        self.push(
            location,
            Flag::NodeReplacement,
            "",
            format!("Node type '{shown}' has server-side replacement(s) {names}"),
        );
        for target in &targets {
            let name = short(target);
            if lists.is_dangerous(target, info) {
                self.push(
                    location,
                    Flag::DangerousNode,
                    "",
                    format!("Dangerous node type: {name} (in place of {shown})"),
                );
            }
            if classes::is_paid(target, info) {
                self.push(
                    location,
                    Flag::CloudApiNode,
                    "",
                    format!("Dangerous node type: {name} (it calls a paid service)"),
                );
            }
            if self.facts.enforce && !lists.is_allowed(target, info) {
                self.push(
                    location,
                    Flag::ClassNotAllowed,
                    "",
                    format!("Node type '{name}' is not on the allow-list"),
                );
            }
        }
    }
}

//! What is found about a node because of its class.

use super::{
    class_name,
    classes::{self, Origin},
    finding::{Flag, short},
    location::Place,
    replacements,
    visitor::Walk,
};

impl Walk<'_> {
    /// What the class itself says.
    pub(super) fn class(&mut self, place: Place<'_>) {
        if place.said.plain {
            return;
        }
        let (lists, info) = (self.said.lists, self.said.knowledge.object_info);
        let shown = short(place.class);
        if class_name::is_disguised(place.class) {
            self.push(place, Flag::SuspiciousClassName, "", format!("Suspicious class name: {shown}"));
        }
        if lists.is_dangerous(place.class, info) {
            self.push(place, Flag::DangerousNode, "", format!("Dangerous node type: {shown}"));
        }
        if classes::is_paid(place.class, info) {
            self.push(
                place,
                Flag::CloudApiNode,
                "",
                format!("Dangerous node type: {shown} (it calls a paid service)"),
            );
        }
        if self.said.enforce
            && place.origin != Origin::EditorOnly
            && !lists.is_allowed(place.class, info)
            && !place.class.is_empty()
        {
            self.push(
                place,
                Flag::ClassNotAllowed,
                "",
                format!("Node type '{shown}' is not on the allow-list"),
            );
        }
        self.replaced(place, &shown);
    }

    fn replaced(&mut self, place: Place<'_>, shown: &str) {
        let Some(answer) =
            self.said.knowledge.replacements.filter(|answer| replacements::replaces(place.class, answer))
        else {
            return;
        };
        let (lists, info) = (self.said.lists, self.said.knowledge.object_info);
        let targets = replacements::targets(place.class, answer);
        let names = targets.iter().take(5).map(|target| short(target)).collect::<Vec<_>>().join(", ");
        self.push(
            place,
            Flag::NodeReplacement,
            "",
            format!("Node type '{shown}' has server-side replacement(s) {names}"),
        );
        for target in &targets {
            let name = short(target);
            if lists.is_dangerous(target, info) {
                self.push(
                    place,
                    Flag::DangerousNode,
                    "",
                    format!("Dangerous node type: {name} (in place of {shown})"),
                );
            }
            if classes::is_paid(target, info) {
                self.push(
                    place,
                    Flag::CloudApiNode,
                    "",
                    format!("Dangerous node type: {name} (it calls a paid service)"),
                );
            }
            if self.said.enforce && !lists.is_allowed(target, info) {
                self.push(
                    place,
                    Flag::ClassNotAllowed,
                    "",
                    format!("Node type '{name}' is not on the allow-list"),
                );
            }
        }
    }
}

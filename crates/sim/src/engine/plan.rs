//! The order of nodes, as ComfyUI picks them.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use serde_json::Value;

use comfywarden_error::JsonObject;

/// The links among the inputs of a node, in the order of the inputs.
pub(super) fn links(node: &Value) -> impl Iterator<Item = &str> {
    let inputs = node.get("inputs").and_then(Value::as_object);
    inputs.into_iter().flatten().filter_map(|(_, value)| link(value).map(|(from, _)| from))
}

/// `[node_id, slot]`, if the value is that.
pub(super) fn link(value: &Value) -> Option<(&str, usize)> {
    let [Value::String(from), Value::Number(slot)] = value.as_array()?.as_slice() else { return None };
    Some((from, usize::try_from(slot.as_u64()?).ok()?))
}

/// The nodes still to run, and what each waits for.
#[derive(Debug)]
pub(super) struct Plan {
    waiting_for: IndexMap<String, usize>,
    blocking: HashMap<String, Vec<String>>,
    outputs: HashSet<String>,
}

impl Plan {
    /// Plans `outputs` and everything they need that is not cached.
    pub(super) fn new(
        prompt: &JsonObject,
        outputs: &[String],
        is_cached: impl Fn(&str) -> bool,
        is_output: impl Fn(&str) -> bool,
    ) -> Self {
        let mut plan =
            Self { waiting_for: IndexMap::new(), blocking: HashMap::new(), outputs: HashSet::new() };
        for output in outputs {
            plan.add(prompt, output, &is_cached);
        }
        plan.outputs = plan.waiting_for.keys().filter(|id| is_output(id)).cloned().collect();
        plan
    }

    fn add(&mut self, prompt: &JsonObject, output: &str, is_cached: &impl Fn(&str) -> bool) {
        let mut stack = vec![output.to_owned()];
        let mut found = Vec::new();
        while let Some(id) = stack.pop() {
            if self.waiting_for.contains_key(&id) {
                continue;
            }
            if !is_cached(&id)
                && let Some(node) = prompt.get(&id)
            {
                for from in links(node).filter(|from| !is_cached(from)) {
                    stack.push(from.to_owned());
                    found.push((from.to_owned(), id.clone()));
                }
            }
            self.waiting_for.insert(id, 0);
        }
        for (from, to) in found {
            let blocked = self.blocking.entry(from).or_default();
            if !blocked.contains(&to) {
                blocked.push(to.clone());
                if let Some(count) = self.waiting_for.get_mut(&to) {
                    *count += 1;
                }
            }
        }
    }

    /// The next node: one that ends the graph, else one close to such an end, else the first that is ready.
    pub(super) fn next(&self) -> Option<String> {
        let ready: Vec<&String> =
            self.waiting_for.iter().filter(|(_, count)| **count == 0).map(|(id, _)| id).collect();
        let near = |id: &str| self.blocked(id).iter().any(|next| self.outputs.contains(next));
        let nearly = |id: &str| self.blocked(id).iter().any(|next| near(next));
        ready
            .iter()
            .find(|id| self.outputs.contains(**id))
            .or_else(|| ready.iter().find(|id| near(id)))
            .or_else(|| ready.iter().find(|id| nearly(id)))
            .or_else(|| ready.first())
            .map(|id| (*id).clone())
    }

    /// Takes a node out once it has run.
    pub(super) fn complete(&mut self, id: &str) {
        self.waiting_for.shift_remove(id);
        for blocked in self.blocking.remove(id).unwrap_or_default() {
            if let Some(count) = self.waiting_for.get_mut(&blocked) {
                *count = count.saturating_sub(1);
            }
        }
    }

    fn blocked(&self, id: &str) -> &[String] {
        self.blocking.get(id).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn order_of_a_text_to_image_graph_is_the_recorded_one() {
        let prompt = json!({
            "4": {"inputs": {"ckpt_name": "x"}}, "5": {"inputs": {}},
            "6": {"inputs": {"clip": ["4", 1]}}, "7": {"inputs": {"clip": ["4", 1]}},
            "3": {"inputs": {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
            "8": {"inputs": {"samples": ["3", 0], "vae": ["4", 2]}}, "9": {"inputs": {"images": ["8", 0]}},
        });
        let mut plan = Plan::new(prompt.as_object().unwrap(), &["9".into()], |_| false, |id| id == "9");
        let mut order = Vec::new();
        while let Some(id) = plan.next() {
            plan.complete(&id);
            order.push(id);
        }
        assert_eq!(order, ["4", "5", "7", "6", "3", "8", "9"]);
    }
}

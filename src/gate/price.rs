//! Estimates the cost of a workflow's paid nodes in credits, from the prices that ComfyUI publishes.
//!
//! A price badge is a JSONata expression. Constants and `constant * input` are read; for anything else the
//! configured `credits_per_node` stands in.

use serde::Deserialize;

use comfywarden_error::JsonObject;
use comfywarden_pattern::patterns;
use comfywarden_policy::inspector::{Finding, Severity, is_paid};
use comfywarden_workflow::{ObjectInfo, Workflow};

/// Credits per dollar: `CREDITS_PER_USD` of ComfyUI's own front end (Comfy-Org/ComfyUI_frontend,
/// `src/base/credits/comfyCredits.ts` at 069eff7), which shows the same badges as credits.
const CREDITS_PER_DOLLAR: f64 = 211.0;
/// Assumed length of a film whose node does not say.
const ORDINARY_SECONDS: f64 = 10.0;
/// Upper bound for one node; a larger price is a misreading.
const MAX_CREDITS: f64 = 1_000_000.0;

/// Estimated cost of paid nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Credits of all nodes together.
    pub credits: u64,
    /// Class and credits of each node.
    pub nodes: Vec<(String, u64)>,
}

/// Estimates the cost of a workflow; `None` when nothing in it costs money.
///
/// `findings` name the paid nodes that are not in plain sight: in subgraphs, or in another class's place.
pub fn estimate(
    workflow: &Workflow,
    findings: &[Finding],
    info: Option<&ObjectInfo>,
    credits_per_node: u64,
) -> Option<Estimate> {
    let mut nodes: Vec<(String, u64)> = Vec::new();
    for (_, node) in workflow.iter().filter(|(_, node)| is_paid(&node.class_type, info)) {
        let credits = price(&node.class_type, &node.inputs, info).unwrap_or(credits_per_node);
        nodes.push((node.class_type.clone(), credits));
    }
    for finding in findings.iter().filter(|finding| finding.severity == Severity::Paid) {
        let plain = finding
            .outermost()
            .and_then(|id| workflow.get(id))
            .is_some_and(|node| is_paid(&node.class_type, info));
        if !plain {
            nodes.push((finding.class_type.clone().unwrap_or_default(), credits_per_node));
        }
    }
    let credits = nodes.iter().fold(0_u64, |sum, (_, credits)| sum.saturating_add(*credits));
    (!nodes.is_empty()).then_some(Estimate { credits, nodes })
}

#[derive(Deserialize)]
struct PricedClass {
    price_badge: Option<PriceBadge>,
}

#[derive(Deserialize)]
struct PriceBadge {
    expr: String,
}

patterns! {
    // A badge that it does not read costs the configured price.
    static SIMPLE: Pattern =
        r#"^\s*\{\s*"type"\s*:\s*"usd"\s*,\s*"usd"\s*:\s*([0-9]+(?:\.[0-9]+)?)\s*(?:\*\s*widgets\.([A-Za-z_]\w*)\s*)?([,}].*)$"#;
}

/// Reads the price of one node, where the server's badge is simple enough.
fn price(class: &str, inputs: &JsonObject, info: Option<&ObjectInfo>) -> Option<u64> {
    let entry: PricedClass = serde_json::from_str(info?.raw(class)?).ok()?;
    let badge = entry.price_badge?;
    let found = SIMPLE.get()?.captures(&badge.expr)?;
    let dollars: f64 = found.get(1)?.as_str().parse().ok()?;
    let number = |name: &str| {
        let value = inputs.get(name)?;
        value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
    };
    let mut factor = match found.get(2) {
        Some(name) => number(name.as_str())?,
        None => 1.0,
    };
    if found.get(3).is_some_and(|rest| rest.as_str().contains("/sec")) {
        factor *= ["duration", "seconds", "duration_seconds"]
            .into_iter()
            .find_map(number)
            .unwrap_or(ORDINARY_SECONDS);
    }
    let credits = (dollars * factor * CREDITS_PER_DOLLAR).ceil();
    whole(credits)
}

/// Converts a price to a whole number; `None` for an impossible price.
fn whole(credits: f64) -> Option<u64> {
    let possible = credits.is_finite() && (0.0..=MAX_CREDITS).contains(&credits);
    possible.then(|| format!("{credits:.0}").parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn catalogue(expr: &str) -> ObjectInfo {
        let entry = json!({"Film": {"api_node": true, "category": "api node/video",
            "price_badge": {"engine": "jsonata", "expr": expr}}});
        ObjectInfo::parse(entry.to_string().as_bytes()).unwrap()
    }

    fn credits(expr: &str, inputs: &Value) -> u64 {
        let workflow = Workflow::from_value(&json!({"1": {"class_type": "Film", "inputs": inputs}})).unwrap();
        estimate(&workflow, &[], Some(&catalogue(expr)), 500).unwrap().credits
    }

    #[test]
    fn simple_badges_are_read_and_others_cost_the_configured_price() {
        assert_eq!(credits(r#"{"type":"usd","usd":0.06}"#, &json!({})), 13);
        assert_eq!(
            credits(
                r#"{"type":"usd","usd": 0.5 * widgets.duration_seconds}"#,
                &json!({"duration_seconds": 8})
            ),
            844
        );
        assert_eq!(
            credits(
                r#"{"type":"usd","usd": 0.1, "format": {"suffix": "/second"}}"#,
                &json!({"duration": "5"})
            ),
            106
        );
        assert_eq!(credits(r#"{"type":"usd","usd": 0.1, "format": {"suffix": "/second"}}"#, &json!({})), 211);
        for odd in [
            r#"{"type":"usd","usd": 0.5 * widgets.n}"#,
            r#"{"type":"usd","usd": 0.002 + 0.033 * widgets.n}"#,
            r#"($a := 1; {"type":"usd","usd":0.1})"#,
            r#"{"type":"usd","usd": 99999999999}"#,
            "",
        ] {
            assert_eq!(credits(odd, &json!({})), 500, "{odd}");
        }
    }

    #[test]
    fn nodes_add_up_and_free_workflows_cost_nothing() {
        let info = catalogue(r#"{"type":"usd","usd":1}"#);
        let workflow = json!({
            "1": {"class_type": "Film", "inputs": {}},
            "2": {"class_type": "Film", "inputs": {}},
            "3": {"class_type": "SaveImage", "inputs": {}}
        });
        let workflow = Workflow::from_value(&workflow).unwrap();
        assert_eq!(estimate(&workflow, &[], Some(&info), 5).unwrap().credits, 422);
        let hidden = Finding::new(comfywarden_policy::Flag::CloudApiNode, "x").node("7", "Subgraph");
        assert_eq!(estimate(&workflow, &[hidden], Some(&info), 5).unwrap().credits, 427);
        let free = Workflow::from_value(&json!({"3": {"class_type": "SaveImage", "inputs": {}}})).unwrap();
        assert_eq!(estimate(&free, &[], Some(&info), 5), None);
    }
}

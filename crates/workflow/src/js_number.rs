//! Numbers and texts as a browser writes them.

use serde_json::{Number, Value};

/// The largest integer below which a double holds every integer.
pub(crate) const MAX_SAFE_INTEGER: u64 = 1 << 53;

/// Formats a number as JavaScript's `String(x)` does.
pub(crate) fn number_text(number: &Number) -> String {
    if let Some(integer) = number.as_u64().filter(|n| *n <= MAX_SAFE_INTEGER) {
        return integer.to_string();
    }
    number.as_f64().map_or_else(|| number.to_string(), double_text)
}

fn double_text(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let size = number.abs();
    if (1e-6..1e21).contains(&size) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

/// Formats a value as JavaScript's `String(x)` does.
pub(crate) fn js_text(value: &Value) -> String {
    value_text(Some(value))
}

/// Formats a value as JavaScript's `String(x)` does; `None` is `undefined`.
pub(crate) fn value_text(value: Option<&Value>) -> String {
    match value {
        None => "undefined".to_owned(),
        Some(Value::Null) => "null".to_owned(),
        Some(Value::Bool(flag)) => flag.to_string(),
        Some(Value::Number(number)) => number_text(number),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let text = |item: &Value| if item.is_null() { String::new() } else { value_text(Some(item)) };
            items.iter().map(text).collect::<Vec<_>>().join(",")
        }
        Some(Value::Object(_)) => "[object Object]".to_owned(),
    }
}

/// Returns the number as the browser would send it: integral doubles lose `.0`, minus zero its sign.
///
/// An integer that the file holds exactly stays exact.
pub(crate) fn sent_number(number: &Number) -> Number {
    if number.is_u64() || number.is_i64() {
        return number.clone();
    }
    let Some(double) = number.as_f64() else { return number.clone() };
    integral(double).map_or_else(|| number.clone(), Number::from)
}

/// Converts a double to an integer, if it is one that a double holds exactly.
pub(crate) fn integral(double: f64) -> Option<i64> {
    let safe = double.fract() == 0.0 && double.abs() <= 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "the value is a whole number within ±2^53")]
    safe.then_some(double as i64)
}

/// Converts a double to JSON as the browser would send it.
pub(crate) fn number_value(double: f64) -> Value {
    match integral(double) {
        Some(integer) => integer.into(),
        None => Number::from_f64(double).map_or(Value::Null, Value::Number),
    }
}

/// Rounds like `Math.round`: halves go up.
pub(crate) fn round_half_up(value: f64) -> f64 {
    let floor = value.floor();
    if value - floor >= 0.5 { floor + 1.0 } else { floor }
}

/// Rounds like `Number(x.toFixed(digits))`: the nearest decimal, exact ties away from zero.
pub(crate) fn to_fixed(value: f64, digits: usize) -> f64 {
    let exact = format!("{:.1$}", value.abs(), digits + 30);
    let Some(cut) = exact.len().checked_sub(30) else { return value };
    let (kept, rest) = exact.split_at(cut);
    let tie_or_more = rest.trim_start_matches('.').as_bytes().first().is_some_and(|digit| *digit >= b'5');
    let kept: f64 = kept.trim_end_matches('.').parse().unwrap_or(value.abs());
    let unit = 10_f64.powi(-i32::try_from(digits).unwrap_or(0));
    let rounded = if tie_or_more { kept + unit } else { kept };
    let clean: f64 = format!("{rounded:.digits$}").parse().unwrap_or(rounded);
    clean.copysign(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_numbers_like_a_browser() {
        let text = |json: &str| value_text(Some(&serde_json::from_str(json).unwrap()));
        assert_eq!(text("8.0"), "8");
        assert_eq!(text("5.5"), "5.5");
        assert_eq!(text("1e21"), "1e+21");
        assert_eq!(text("1e-7"), "1e-7");
        assert_eq!(text("0.00001"), "0.00001");
        assert_eq!(text("-0.0"), "0");
        assert_eq!(text("[1,null,\"a\"]"), "1,,a");
        assert_eq!(text("9007199254740993"), "9007199254740992");
    }

    #[test]
    fn rounds_ties_like_to_fixed() {
        assert!((to_fixed(3.25, 1) - 3.3).abs() < 1e-12);
        assert!((to_fixed(1.005, 2) - 1.0).abs() < 1e-12);
        assert!((to_fixed(-2.5, 0) + 3.0).abs() < 1e-12);
        assert!((to_fixed(0.96, 1) - 1.0).abs() < 1e-12);
        assert!((round_half_up(-2.5) + 2.0).abs() < 1e-12);
    }

    #[test]
    fn an_exact_seed_stays_exact() {
        let number: Number = serde_json::from_str("18446744073709551615").unwrap();
        assert_eq!(sent_number(&number).as_u64(), Some(u64::MAX));
        let number: Number = serde_json::from_str("512.0").unwrap();
        assert_eq!(sent_number(&number).as_i64(), Some(512));
    }
}

//! Converts integers that were written with a decimal point: `2.0` to `2`.

use serde_json::{Number, Value};

/// Converts a number with an integral value to an integer. Other values stay as they are.
pub fn normalize(value: &mut Value) {
    if let Value::Number(number) = value
        && let Some(integer) = number.as_f64().filter(|_| number.is_f64()).and_then(to_integer)
    {
        *number = integer;
    }
}

/// Returns the number as an integer, if nothing is lost.
fn to_integer(number: f64) -> Option<Number> {
    if number.fract() != 0.0 {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and inside the range of the target"
    )]
    let settled = if (-9.2e18..0.0).contains(&number) {
        Number::from(number as i64)
    } else if (0.0..1.844e19).contains(&number) {
        Number::from(number as u64)
    } else {
        return None;
    };
    Some(settled)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_whole_numbers_inside_the_range_lose_their_point() {
        for (given, expected) in
            [("2.0", "2"), ("-1.0", "-1"), ("1e3", "1000"), ("2.5", "2.5"), ("1e30", "1e+30"), ("7", "7")]
        {
            let mut value: Value = serde_json::from_str(given).unwrap();
            normalize(&mut value);
            assert_eq!(value.to_string(), expected);
        }
        let mut text = json!("2.0");
        normalize(&mut text);
        assert_eq!(text, "2.0");
    }
}

//! Values and links that fit an input.

use serde_json::{Number, Value, json};

use crate::python;

/// Says if an output of one type may feed an input of another. Both may be unions, written with commas.
pub(super) fn fits(received: &Value, wanted: &Value) -> bool {
    let (Some(received), Some(wanted)) = (received.as_str(), wanted.as_str()) else {
        // A list of choices takes an output with the very same list, or one that may be anything.
        return received == wanted || received == "*";
    };
    if received == wanted
        || received == "*"
        || wanted == "*"
        || wanted.ends_with("_V3")
        || received.ends_with("_V3")
    {
        return true;
    }
    let accepted: Vec<&str> = wanted.split(',').map(str::trim).collect();
    received.split(',').all(|kind| accepted.contains(&kind.trim()))
}

/// The type's name in messages; a list of choices is shown as Python shows it.
pub(super) fn name(kind: &Value) -> String {
    python::str(kind)
}

/// A value after conversion, or the exception's text.
pub(super) fn convert(kind: &str, value: &Value) -> Result<Value, String> {
    match kind {
        "INT" => whole(value),
        "FLOAT" => float(value),
        "STRING" => Ok(python::str(value).into()),
        "BOOLEAN" => Ok(truth(value).into()),
        _ => Ok(value.clone()),
    }
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// Python's name for the kind of a value.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// Indexes as Python does: from the end when negative, `true` as 1. An error is type and text of the exception.
pub(super) fn index<'a>(outputs: &'a [Value], slot: &Value) -> Result<&'a Value, (&'static str, String)> {
    let number = slot.as_i64().or_else(|| slot.as_bool().map(i64::from));
    let whole = slot.is_i64() || slot.is_u64() || slot.is_boolean();
    if !whole {
        let message = format!("tuple indices must be integers or slices, not {}", type_name(slot));
        return Err(("TypeError", message));
    }
    let at = number.and_then(|number| {
        let length = i64::try_from(outputs.len()).ok()?;
        usize::try_from(if number < 0 { number + length } else { number }).ok()
    });
    at.and_then(|at| outputs.get(at)).ok_or(("IndexError", "tuple index out of range".to_owned()))
}

fn whole(value: &Value) -> Result<Value, String> {
    match value {
        Value::Bool(truth) => Ok(u8::from(*truth).into()),
        Value::Number(number) if number.is_f64() => {
            let cut = number.as_f64().unwrap_or(0.0).trunc();
            // Decimal text is the one conversion that neither wraps nor loses digits.
            serde_json::from_str(&format!("{cut:.0}"))
                .map_err(|_| "cannot convert float to integer".to_owned())
        }
        Value::Number(_) => Ok(value.clone()),
        Value::String(text) => {
            let digits = text.trim().replace('_', "");
            let number = digits.strip_prefix('+').unwrap_or(&digits);
            number
                .parse::<i128>()
                .ok()
                .and_then(|number| serde_json::from_str(&number.to_string()).ok())
                .ok_or_else(|| format!("invalid literal for int() with base 10: {}", python::repr(value)))
        }
        other => Err(format!(
            "int() argument must be a string, a bytes-like object or a real number, not '{}'",
            type_name(other)
        )),
    }
}

fn float(value: &Value) -> Result<Value, String> {
    match value {
        Value::Bool(truth) => Ok(json!(f64::from(u8::from(*truth)))),
        Value::Number(number) => {
            Ok(number.as_f64().and_then(Number::from_f64).map_or(Value::Null, Value::Number))
        }
        Value::String(text) => text
            .trim()
            .parse::<f64>()
            .ok()
            .and_then(Number::from_f64)
            .map(Value::Number)
            .ok_or_else(|| format!("could not convert string to float: {}", python::repr(value))),
        other => {
            Err(format!("float() argument must be a string or a real number, not '{}'", type_name(other)))
        }
    }
}

/// Compares as Python does, whole numbers exactly.
pub(super) fn is_less(a: &Value, b: &Value) -> bool {
    let exact = |value: &Value| value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    match (exact(a), exact(b)) {
        (Some(a), Some(b)) => a < b,
        _ => a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a < b),
    }
}

/// Says if a choice equals a value; numbers compare as numbers.
pub(super) fn equals(choice: &Value, value: &Value) -> bool {
    choice == value || choice.as_f64().is_some_and(|choice| Some(choice) == value.as_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_converted_as_python_does() {
        assert_eq!(convert("INT", &json!("3")), Ok(json!(3)));
        assert_eq!(convert("INT", &json!(2.9)), Ok(json!(2)));
        assert_eq!(convert("INT", &json!(u64::MAX)), Ok(json!(u64::MAX)));
        assert_eq!(
            convert("INT", &json!("abc")),
            Err("invalid literal for int() with base 10: 'abc'".to_owned())
        );
    }

    #[test]
    fn seeds_at_the_upper_end_are_not_too_big() {
        assert!(!is_less(&json!(u64::MAX), &json!(u64::MAX)));
        assert!(is_less(&json!(u64::MAX - 1), &json!(u64::MAX)));
    }

    #[test]
    fn slots_count_from_either_end() {
        let outputs = [json!("A"), json!("B")];
        assert_eq!(index(&outputs, &json!(-1)), Ok(&json!("B")));
        assert_eq!(index(&outputs, &json!(2)).unwrap_err().0, "IndexError");
        assert_eq!(index(&outputs, &json!("0")).unwrap_err().0, "TypeError");
    }

    #[test]
    fn unions_accept_their_members() {
        assert!(fits(&json!("STRING"), &json!("STRING,FILE_3D_GLB")));
        assert!(!fits(&json!("VAE"), &json!("LATENT")));
        assert!(fits(&json!("IMAGE"), &json!("*")));
    }
}

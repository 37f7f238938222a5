//! Classes without a rule of their own: every output follows from its type.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    data::{Call, Data, Raised, Work},
    inputs::check_size,
    trace::trace,
};

/// Gives each output a value of its type.
pub(super) fn run(call: &Call) -> Result<Work, Raised> {
    let trace = Arc::new(trace(call));
    let of = |name: &str| call.literal(name);
    let value = |kind: &str| match kind {
        "IMAGE" => {
            check_size(trace.width.max(1), trace.height.max(1), u64::from(trace.batch.max(1)))?;
            let through = ["image", "images"].into_iter().find_map(|name| call.some_images(name));
            Ok(Data::Images(through.unwrap_or_else(|| Arc::new(trace.paint()))))
        }
        "MASK" => Ok(call.masks("mask").map_or_else(
            || {
                let (width, height) = (trace.width.max(64), trace.height.max(64));
                Data::Masks(Arc::new(vec![image::GrayImage::new(width, height)]))
            },
            Data::Masks,
        )),
        "STRING" => Ok(Data::Literal(of("value").or_else(|| of("string_a")).unwrap_or_else(|| json!("")))),
        "INT" => Ok(Data::Literal(of("value").filter(Value::is_number).unwrap_or_else(|| json!(0)))),
        "FLOAT" => Ok(Data::Literal(of("value").filter(Value::is_number).unwrap_or_else(|| json!(0.0)))),
        "BOOLEAN" => Ok(Data::Literal(of("value").filter(Value::is_boolean).unwrap_or_else(|| json!(false)))),
        _ => Ok(Data::Trace(trace.clone())),
    };
    let kinds = call.server.catalogue.outputs(&call.class);
    let data: Result<Vec<Data>, Raised> =
        kinds.iter().map(|kind| value(kind.as_str().unwrap_or("COMBO"))).collect();
    Ok(Work::of(data?))
}

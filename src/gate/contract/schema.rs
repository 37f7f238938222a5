//! JSON Schema 2020-12: compiles a schema and lists the faults of a value.

use boon::{Compiler, ErrorKind, Schemas, UrlLoader, ValidationError};
use serde_json::Value;

use comfywarden_error::JsonObject;

/// Base address of a schema for the compiler. Nothing is ever loaded from there.
const HERE: &str = "comfywarden:schema";

/// A compiled schema.
pub struct Validator {
    schemas: Schemas,
    index: boon::SchemaIndex,
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Validator").finish_non_exhaustive()
    }
}

impl Validator {
    /// Checks a value.
    pub(super) fn validate<'a>(&'a self, value: &'a Value) -> Result<(), Box<ValidationError<'a, 'a>>> {
        self.schemas.validate(value, self.index).map_err(Box::new)
    }

    /// Names every fault of a value: its place as a JSON pointer, and the rule.
    pub fn faults(&self, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        if let Err(error) = self.validate(value) {
            collect(&error, &mut faults);
        }
        faults
    }
}

/// Compiles a schema. References lead within it and to the drafts' own schemas, never to a file or the network.
pub fn compile(schema: &JsonObject) -> Result<Validator, String> {
    let mut compiler = Compiler::new();
    compiler.use_loader(Box::new(Nowhere));
    compiler.add_resource(HERE, Value::Object(schema.clone())).map_err(|error| error.to_string())?;
    let mut schemas = Schemas::new();
    let index = compiler.compile(HERE, &mut schemas).map_err(|error| error.to_string())?;
    Ok(Validator { schemas, index })
}

/// Finds the first fault that says something by itself. Alternatives (`anyOf`, `oneOf`) are told as a whole: which
/// of them was meant cannot be known.
pub(super) fn first<'e, 's, 'v>(error: &'e ValidationError<'s, 'v>) -> &'e ValidationError<'s, 'v> {
    let whole = matches!(error.kind, ErrorKind::AnyOf | ErrorKind::OneOf(_) | ErrorKind::Not);
    match error.causes.first() {
        Some(cause) if !whole => first(cause),
        _ => error,
    }
}

fn collect(error: &ValidationError<'_, '_>, faults: &mut Vec<String>) {
    if error.causes.is_empty() {
        faults.push(format!("{}: {}", error.instance_location, error.kind));
    }
    for cause in &error.causes {
        collect(cause, faults);
    }
}

/// Refuses to load any other document.
struct Nowhere;

impl UrlLoader for Nowhere {
    fn load(&self, url: &str) -> Result<Value, Box<dyn std::error::Error>> {
        Err(format!("{url} is not part of the schema").into())
    }
}
